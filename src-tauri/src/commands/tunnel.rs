//! Commands of a page's tunnels.

use super::told;
use crate::desktop::Desktop;
use crate::tunnel::{self, Bytes, Page};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pilot_client::TunnelFrame;
use pilot_proto::tunnel::TunnelQuery;
use pilot_proto::{Code, Problem};
use std::sync::Arc;
use tauri::State;

type Parts<'a> = State<'a, Arc<Desktop>>;

/// Opens a tunnel, under a number of the page's choice. A screen's may be
/// `decoded` on its way.
#[tauri::command]
pub(crate) async fn tunnel_open(
    desktop: Parts<'_>,
    hub: String,
    tunnel: u32,
    query: TunnelQuery,
    decoded: bool,
    page: Page,
) -> Result<(), Problem> {
    let bytes = if decoded { Bytes::Decoded } else { Bytes::AsTheyAre };
    // At once: what the page says next must find it.
    let heard = desktop.tunnels.open(tunnel);
    let opened = match desktop.client(&hub).await {
        Ok(client) => client.tunnel(&query).await.map_err(told),
        Err(problem) => Err(problem),
    };
    match opened {
        Ok(ends) => {
            desktop.tasks.spawn(tunnel::carry(ends, heard, page, bytes));
            Ok(())
        }
        Err(problem) => {
            desktop.tunnels.close(tunnel);
            Err(problem)
        }
    }
}

/// Sends bytes (base64) into it.
#[tauri::command]
pub(crate) fn tunnel_send(desktop: Parts<'_>, tunnel: u32, base64: String) -> Result<(), Problem> {
    let bytes = STANDARD.decode(base64).map_err(|error| {
        Problem::new(Code::Invalid, format!("These bytes cannot be read: {error}."))
    })?;
    desktop.tunnels.say(tunnel, TunnelFrame::Bytes(bytes.into()));
    Ok(())
}

/// Says something about it.
#[tauri::command]
pub(crate) fn tunnel_say(desktop: Parts<'_>, tunnel: u32, text: String) {
    desktop.tunnels.say(tunnel, TunnelFrame::Text(text));
}

/// The page took a frame.
#[tauri::command]
pub(crate) fn tunnel_taken(desktop: Parts<'_>, tunnel: u32) {
    desktop.tunnels.taken(tunnel);
}

/// Ends it.
#[tauri::command]
pub(crate) fn tunnel_close(desktop: Parts<'_>, tunnel: u32) {
    desktop.tunnels.close(tunnel);
}
