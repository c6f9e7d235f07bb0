//! A tunnel that the runner has not made yet.

use crate::house::{House, soon};
use crate::live::socket;
use crate::runner::under_way;
use futures_util::StreamExt;
use pilot_proto::runner::{ToHub, ToRunner};
use pilot_proto::tunnel::TUNNEL_PATH;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_tunnel_hears_that_the_hub_is_there() {
    let house = House::new().await;
    let (mut runner, task, run) = under_way(&house).await;
    // Tunnels are for a runner that has said what it holds.
    runner.say(ToHub::Beat { runs: vec![run], load: None }).await;
    let mut waiting = socket(&house, &format!("{TUNNEL_PATH}?task={task}&screen=true")).await;
    let asked = |said: &ToRunner| match said {
        ToRunner::OpenTunnel { wish, .. } => Some(wish.run),
        _ => None,
    };
    assert_eq!(runner.until("the wish for a tunnel", asked).await, run);
    // Its desktop takes long to stand.
    let heard = soon("a sign of life", waiting.next()).await.expect("open").expect("no fault");
    assert!(matches!(heard, Message::Ping(_)), "{heard:?}");
    house.hub.stop().await;
}
