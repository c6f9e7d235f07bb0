//! Makes what Tauri wants at compile time. The pages are built with npm; a
//! build without them gets one that says so.

use std::path::Path;

const PLACEHOLDER: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
    <title>Pilothouse</title><h1>Pilothouse</h1>\
    <p>The pages of this window were not built. Run <code>scripts/start</code>.</p></html>\n";

fn main() {
    let dist = Path::new("../frontend/dist");
    let page = dist.join("index.html");
    if !page.exists() {
        std::fs::create_dir_all(dist).expect("frontend/dist can be made");
        std::fs::write(&page, PLACEHOLDER).expect("frontend/dist can be written");
        // Older than any source, so that whoever builds the pages builds them.
        let file = std::fs::File::options().write(true).open(&page).expect("it was just made");
        file.set_modified(std::time::UNIX_EPOCH).expect("a file's time can be set");
    }
    tauri_build::build();
}
