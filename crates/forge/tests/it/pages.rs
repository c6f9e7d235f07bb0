//! Addresses of issue pages: one table for the hub, the user script and the
//! bookmarklet, so that what is sent is understood.

use pilot_forge::connect;
use pilot_proto::{ForgeKind, Secret};
use serde::Deserialize;

/// The frontend's tests run the script and the bookmarklet on the same.
const ADDRESSES: &str = include_str!("../../../../frontend/tests/pages/addresses.json");

#[derive(Deserialize)]
struct Page {
    forge: ForgeKind,
    url: String,
    address: String,
    repository: Option<String>,
    number: Option<u64>,
}

#[test]
fn an_address_that_is_sent_from_a_page_names_its_issue() {
    let pages: Vec<Page> = serde_json::from_str(ADDRESSES).expect("the table");
    for Page { forge: kind, url, address, repository, number } in pages {
        let forge = connect(kind, &url, Secret::new("t")).expect("an address of a forge");
        let found = forge.issue_of_page(&address);
        let found = found.map(|(repository, number)| (repository.to_string(), number));
        assert_eq!(found, repository.zip(number), "{kind}: {address}");
    }
}
