//! A screen's tunnel, decoded on its way: the page is given frames, and RFB of
//! what is none.
//!
//! The next frame is made when the page has taken all that crossed, so a page
//! that lags gets the newest picture, and nothing queues. The words beside the
//! picture cross as they are.

use super::{BROKEN, BYTES, FRAME, FromPage, Heard, IN_FLIGHT, Page, TEXT, cross};
use pilot_client::{ClientError, TunnelFrame, TunnelReceiver, TunnelSender};
use pilot_proto::tunnel::MAX_TUNNEL_FRAME;
use pilot_screen::viewing::{Said, Viewing};
use tauri::ipc::InvokeResponseBody;

pub(super) async fn pump(
    sender: &mut TunnelSender,
    receiver: &mut TunnelReceiver,
    heard: &mut Heard,
    page: &Page,
) -> Result<(), ClientError> {
    tracing::info!("a screen is decoded on its way to the page");
    let mut viewing = Viewing::new();
    tell(sender, Viewing::hello()).await?;
    let mut in_flight = 0_usize;
    loop {
        let said = tokio::select! {
            message = heard.0.recv() => match message {
                Some(FromPage::Say(TunnelFrame::Bytes(bytes))) => {
                    viewing.hear_viewer(&bytes).map_err(|error| error.to_string())
                }
                Some(FromPage::Say(text @ TunnelFrame::Text(_))) => {
                    sender.send(text).await?;
                    continue;
                }
                Some(FromPage::Taken) => {
                    in_flight = in_flight.saturating_sub(1);
                    Ok(Said::default())
                }
                None => return Ok(()),
            },
            frame = receiver.next(), if in_flight < IN_FLIGHT => match frame? {
                Some(TunnelFrame::Bytes(bytes)) => {
                    viewing.hear_server(&bytes).await.map_err(|error| error.to_string())
                }
                Some(TunnelFrame::Text(text)) => {
                    if !cross(page, TEXT, text.as_bytes()) {
                        return Ok(());
                    }
                    in_flight += 1;
                    continue;
                }
                None => return Ok(()),
            },
        };
        let Said { to_server, to_viewer } = match said {
            Ok(said) => said,
            Err(why) => {
                tracing::warn!("a screen cannot be decoded: {why}");
                cross(page, BROKEN, &[]);
                return Ok(());
            }
        };
        if !to_viewer.is_empty() {
            if !cross(page, BYTES, &to_viewer) {
                return Ok(());
            }
            in_flight += 1;
        }
        tell(sender, &to_server).await?;
        if in_flight == 0
            && let Some(frame) = viewing.frame(FRAME)
        {
            if page.send(InvokeResponseBody::Raw(frame)).is_err() {
                return Ok(());
            }
            in_flight += 1;
        }
    }
}

/// In frames as long as a tunnel takes them: a paste may be longer.
async fn tell(sender: &mut TunnelSender, bytes: &[u8]) -> Result<(), ClientError> {
    for frame in bytes.chunks(MAX_TUNNEL_FRAME) {
        sender.send(TunnelFrame::Bytes(frame.to_vec().into())).await?;
    }
    Ok(())
}
