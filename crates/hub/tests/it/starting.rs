//! Starting, stopping, and what is left on the disk.

use crate::house::{House, client_of, mode};
use crate::runner::{FakeRunner, join};
use pilot_client::discovered;
use pilot_hub::{Hub, HubError, HubOptions};
use pilot_link::{RunnerKey, join_code};
use pilot_proto::Code;
use pilot_proto::console::{HubStatus, Nothing};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_is_private_and_names_the_hub_while_it_runs() {
    let house = House::new().await;
    let data = house.options.data.clone();
    assert_eq!(mode(&data), 0o700);
    for file in ["owner-token", "address", "lock"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    let endpoint = discovered(house.home.path()).expect("readable").expect("it is found");
    assert_eq!((endpoint.url.as_str(), endpoint.fingerprint), (house.hub.url.as_str(), None));
    assert_eq!(endpoint.token.expose(), house.token());
    let address = house.hub.address;
    let status = house.call::<HubStatus>(Nothing {}).await;
    assert_eq!(status.you, "owner");
    house.hub.stop().await;
    assert!(discovered(house.home.path()).expect("readable").is_none(), "it is gone");
    TcpStream::connect(address).await.expect_err("nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hubs_never_open_one_data_directory() {
    let house = House::new().await;
    let error = Hub::start(house.options.clone()).await.expect_err("the first has it");
    assert!(matches!(error, HubError::InUse { .. }), "{error}");
    let problem = error.problem();
    assert_eq!(problem.code, Code::Precondition);
    assert!(problem.message.contains(&std::process::id().to_string()), "{problem}");
    house.call::<HubStatus>(Nothing {}).await;
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_named() {
    let house = House::new().await;
    let mut options = HubOptions::new(house.home.path().join("other"), house.hub.address);
    options.public_url = None;
    let error = Hub::start(options).await.expect_err("the port is taken");
    let message = error.problem().message;
    assert!(message.contains(&house.hub.address.to_string()), "{message}");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_the_hub_speaks_tls_and_join_codes_carry_its_fingerprint() {
    let house = House::with(|options| {
        options.listen = "0.0.0.0:0".parse().expect("an address");
    })
    .await;
    assert!(house.hub.url.starts_with("https://"), "{}", house.hub.url);
    let fingerprint = house.hub.fingerprint.clone().expect("it has a certificate");
    house.call::<HubStatus>(Nothing {}).await;
    let code = house.join_code().await;
    let parsed = join_code::parse(code.expose()).expect("a join code");
    assert_eq!(parsed.fingerprint.as_deref(), Some(fingerprint.as_str()));
    let key = RunnerKey::generate().expect("randomness");
    join(&code, &key).await.expect("it is let in over TLS");
    let mut runner = FakeRunner::connected(&house, 1).await;
    let endpoint = discovered(house.home.path()).expect("readable").expect("it is found");
    assert_eq!(endpoint.fingerprint.as_deref(), Some(fingerprint.as_str()));
    let house = house.restart().await;
    assert_eq!(house.hub.fingerprint.as_deref(), Some(fingerprint.as_str()), "runners pinned it");
    runner.connect().await;
    client_of(&house.hub).call::<HubStatus>(Nothing {}).await.expect("the pin still holds");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_stops_although_peers_hold_their_connections() {
    let house = House::new().await;
    let runner = FakeRunner::connected(&house, 1).await;
    let bulk = runner.bulk().await;
    let idle = TcpStream::connect(house.hub.address).await.expect("it listens");
    crate::house::soon("the hub stops", house.hub.stop()).await;
    drop((runner, bulk, idle));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_directory_name_will_do() {
    let house = House::with(|options| {
        options.data = options.data.with_file_name("a b%20c?d#ü");
    })
    .await;
    house.project().await;
    let task = house.file("say x").await.id;
    assert!(house.options.data.join("hub.db").exists(), "the database is where it should be");
    let house = house.restart().await;
    house.show(task).await;
    house.hub.stop().await;
}
