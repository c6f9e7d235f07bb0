//! Films of what was done at a run's screen: real Xvnc, real ffmpeg.

use crate::tunnels::{Seat, owner, waiting};
use crate::world::World;
use pilot_client::Client;
use pilot_proto::console::{BLOB_PATH, Stop, TaskStop};
use pilot_proto::{Task, TaskId};
use pilot_screen::recording::Reader;
use pilot_screen::recording::film::{Frames, Survey, survey};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Colours are halved in each axis, and edges of letters with them.
const ENCODED: f64 = 4.0;

#[expect(clippy::disallowed_methods, reason = "tests start real programs")]
fn output_of(program: &str, arguments: &[&str]) -> Vec<u8> {
    let out = Command::new(program).args(arguments).output();
    let out = out.expect("ffmpeg and ffprobe are of the package ffmpeg");
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// How far two pictures are from one another, in the mean.
fn distance(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len(), "pictures of the same size");
    let sum: u64 = one.iter().zip(other).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.len() as f64
}

/// What a recording shows at its end, without what is around it.
async fn last_of(recording: &[u8]) -> (Survey, Vec<u8>) {
    let reader = || Reader::open(recording).expect("it is a recording");
    let (surveyed, mut last) = (survey(reader()).expect("it can be read"), Vec::new());
    let mut frames = Frames::of(reader());
    while let Some(frame) = frames.next().await.expect("it is sound") {
        last = frame.on(surveyed.size);
    }
    (surveyed, last.chunks_exact(4).flat_map(|pixel| pixel[..3].to_vec()).collect())
}

async fn fetched(client: &Client, task: TaskId, blob: &str) -> Vec<u8> {
    let path = BLOB_PATH.replace("{task}", &task.to_string()).replace("{blob}", blob);
    let mut bytes = Vec::new();
    client.fetch(&path, &mut bytes).await.expect("the hub has it");
    bytes
}

fn json(world: &World, words: &[&str]) -> Value {
    let said = world.pilot(&[words, &["--json"]].concat()).ok();
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// The last picture of a film, red, green, blue, and how long it is.
fn played(film: &Path) -> (Vec<u8>, f64) {
    let file = film.to_str().expect("a plain path");
    let probe = output_of(
        "ffprobe",
        &["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", file],
    );
    let seconds = String::from_utf8_lossy(&probe).trim().parse().expect("it has a length");
    let words = ["-v", "error", "-i", file, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
    let pixels = output_of("ffmpeg", &words);
    let one = 1280 * 800 * 3;
    assert!(!pixels.is_empty() && pixels.len().is_multiple_of(one), "{} bytes", pixels.len());
    (pixels[pixels.len() - one..].to_vec(), seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_at_a_screen_is_exported_as_a_film() {
    let world = World::with_runner(1);
    let task = tokio::task::block_in_place(|| waiting(&world));
    let id = task.to_string();
    let client = owner(&world);
    let mut shell = Seat::take(&client, task, false).await;
    shell.until("we type", Seat::drives).await;
    let none = json(&world, &["task", "recording", "list", &id]);
    assert_eq!(none, Value::Array(Vec::new()));
    let refused = world.pilot(&["task", "recording", "export", &id]);
    assert!(refused.err.contains("no such recording"), "{}", refused.err);

    world.pilot(&["task", "screen", &id]).ok();
    world.pilot(&["task", "takeover", &id]).ok();
    let driven = |task: Task| task.driver.filter(|driver| driver.who.is_some());
    tokio::task::block_in_place(|| world.until("somebody drives", || driven(world.task(task))));
    shell
        .types("xterm -bg white -geometry 90x30+200+100 -e sh -c 'seq 200; sleep 5; touch up; cat' &\n")
        .await;
    let up = world.run_directories()[0].join("work/tree/up");
    tokio::task::block_in_place(|| world.until("it is shown", || up.exists().then_some(())));
    world.pilot(&["task", "handback", &id]).ok();
    client.call::<TaskStop>(Stop { task, keep_children: None }).await.expect("it stops");
    tokio::task::block_in_place(|| world.until_state(task, "cancelled"));

    let list = json(&world, &["task", "recording", "list", &id]);
    let blob = list[0]["blob"].as_str().unwrap_or_else(|| panic!("one recording: {list}"));
    let (surveyed, last) = last_of(&fetched(&client, task, blob).await).await;
    let film = world.path("film.webm");
    let words = ["task", "recording", "export", &id, "-o", film.to_str().expect("a plain path")];
    let said = json(&world, &words);
    assert_eq!((&said["millis"], &said["note"]), (&surveyed.millis.into(), &Value::Null), "{said}");
    let (seen, seconds) = played(&film);
    assert!(distance(&last, &seen) < ENCODED, "another picture: {}", distance(&last, &seen));
    let black = vec![0; last.len()];
    assert!(distance(&black, &seen) > 8.0 * ENCODED, "there is something to be seen");
    let length = f64::from(surveyed.millis) / 1000.0;
    assert!((seconds - length).abs() < 0.5, "{seconds} s of {length}");

    // Without what stands still it is no longer, and ends with the same.
    world.pilot(&[&words[..], &["--skip-still"]].concat()).ok();
    let (short, seconds) = played(&film);
    assert!(distance(&seen, &short) < ENCODED && seconds <= length + 0.5, "{seconds} s");
}
