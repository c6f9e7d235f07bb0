//! The init of the tests' walls: nothing but itself, one listener on port 80
//! to show that it may, and a word to every gate.

use std::error::Error;
use std::io::Write;
use std::net::TcpListener;

fn main() -> Result<(), Box<dyn Error>> {
    let entered = pilot_sandbox::inside::enter()?;
    let listener = entered.own_network.then(|| TcpListener::bind("127.0.0.1:80"));
    let _listener = listener.transpose()?;
    for gate in entered.gates {
        std::fs::File::from(gate).write_all(b"hello from inside")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(entered.inside.serve())?)
}
