//! One connection to a port of loopback inside the walls: the program between
//! it and the shim, which `pilot` runs as [`COMMAND`]. Bytes in, bytes out.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// The argument by which our program becomes this one; the port is behind it.
pub const COMMAND: &str = "inside-port";

/// For a connection over loopback: it is there at once, or nobody listens.
const PATIENCE: Duration = Duration::from_secs(5);

/// What says on standard error that nobody listens there; the shim tells it on.
pub const NOBODY: &str = "nobody listens";

/// The program. Returns when both directions are at their end.
///
/// # Errors
/// Nobody listens on the port.
pub fn main(arguments: &[String]) -> io::Result<()> {
    let port = arguments.first().and_then(|port| port.parse().ok());
    let port = port.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a port"))?;
    let stream = connect(port).inspect_err(|error| {
        drop(writeln!(io::stderr(), "{NOBODY} on port {port}: {error}"));
    })?;
    // Keys and small answers must not wait for each other.
    stream.set_nodelay(true)?;
    let mut to = stream.try_clone()?;
    // Ends with the input, or with this process.
    std::thread::spawn(move || {
        if pour(&mut io::stdin().lock(), &mut to).is_ok() {
            to.shutdown(Shutdown::Write).ok();
        }
    });
    pour(&mut &stream, &mut io::stdout().lock())
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let four = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&four, PATIENCE)
        .or_else(|error| TcpStream::connect_timeout(&six, PATIENCE).map_err(|_| error))
}

fn pour(from: &mut impl io::Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; pilot_proto::tunnel::MAX_TUNNEL_FRAME];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                to.write_all(&buffer[..read])?;
                to.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
