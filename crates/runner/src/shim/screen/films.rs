//! Recordings of the screen: one for each takeover and each span of computer
//! use, an artifact of the run when it has ended.
//!
//! While one is under way its file is where nothing inside comes by it, and
//! where no look at the artifacts takes half of it.

use super::Surroundings;
use super::place::Place;
use crate::run_dir::RunDir;
use crate::shim::steps::word;
use pilot_proto::screen::{RECORDING_EXTENSION, ScreenDriver, ScreenEvent};
use pilot_screen::recording::camera::{Cut, Note, film};
use pilot_screen::recording::{Block, Head, LARGEST, Writer};
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// An agent that makes no call for so long does something else.
const SPAN: Duration = Duration::from_secs(60);
/// Recordings of one run: somebody who takes over every few minutes of a day.
const MOST: u32 = 200;
/// Bytes of all of a run's.
const MOST_BYTES: u64 = 8 * LARGEST;
/// Notes that wait for the camera; one that is behind misses some.
const NOTES: usize = 256;
/// For a camera to stop: it writes what it holds to a busy disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// The recordings of a run, over all desktops that it had.
#[derive(Clone)]
pub(in crate::shim) struct Recordings {
    dir: RunDir,
    /// How many were begun.
    count: Arc<AtomicU32>,
    /// Those under way.
    open: Arc<Mutex<Vec<String>>>,
    said: Arc<AtomicU32>,
}

impl Recordings {
    pub(in crate::shim) fn of(dir: RunDir) -> Self {
        Self { dir, count: Arc::default(), open: Arc::default(), said: Arc::default() }
    }

    fn part(&self, name: &str) -> PathBuf {
        self.dir.work().join("screen").join(name)
    }

    /// A file for the next one; none when there were enough.
    fn begin(&self) -> io::Result<Option<(String, File)>> {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if number > MOST || self.bytes() > MOST_BYTES {
            return Ok(None);
        }
        let name = format!("screen-{number}.{RECORDING_EXTENSION}");
        // An attached screen has made none.
        let parts = self.dir.work().join("screen");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parts)?;
        let mut options = File::options();
        let file = options.write(true).create_new(true).mode(0o600).open(self.part(&name))?;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        Ok(Some((name, file)))
    }

    fn bytes(&self) -> u64 {
        let names = 1..=self.count.load(Ordering::Relaxed);
        let size = |number| {
            let name = format!("screen-{number}.{RECORDING_EXTENSION}");
            let kept = self.dir.artifacts().join(name).symlink_metadata();
            kept.map_or(0, |metadata| metadata.len())
        };
        names.map(size).sum()
    }

    /// It has ended: now it is an artifact.
    fn publish(&self, name: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = open.iter().position(|open| open == name) else { return };
        open.swap_remove(at);
        // What stands there under that name, a link perhaps, is replaced and not
        // followed.
        if let Err(error) = std::fs::rename(self.part(name), self.dir.artifacts().join(name)) {
            tracing::warn!(%error, name, "a recording cannot be kept");
        }
    }

    /// The run is being collected: all of them are artifacts now, also those
    /// whose last moments are still being written.
    pub(in crate::shim) fn publish_all(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        open.iter().for_each(|name| self.publish(name));
    }
}

/// One under way.
struct Filming {
    name: String,
    driver: ScreenDriver,
    stop: oneshot::Sender<()>,
    /// Its length in milliseconds, when it has ended.
    camera: JoinSet<u32>,
}

/// The films of one desktop.
pub(super) struct Films {
    surroundings: Surroundings,
    place: Arc<Place>,
    notes: broadcast::Sender<Note>,
    filming: Option<Filming>,
    /// The agent's last call.
    acted: Option<Instant>,
}

impl Films {
    pub(super) fn new(surroundings: Surroundings, place: Arc<Place>) -> Self {
        let (notes, _) = broadcast::channel(NOTES);
        Self { surroundings, place, notes, filming: None, acted: None }
    }

    /// Where it is noted what was done.
    pub(super) fn notes(&self) -> broadcast::Sender<Note> {
        self.notes.clone()
    }

    /// The agent, if it is the one who drives.
    pub(super) fn agents_span(&self) -> Option<ScreenDriver> {
        let driver = self.filming.as_ref().map(|filming| &filming.driver);
        driver.filter(|driver| driver.who.is_none()).cloned()
    }

    /// The agent made a call.
    pub(super) async fn agent_acts(&mut self) {
        self.acted = Some(Instant::now());
        if self.filming.is_none() {
            let since = self.surroundings.clock.now();
            self.begin(ScreenDriver { who: None, since }).await;
        }
    }

    /// Returns when the agent's span is over. May be given up at any time.
    pub(super) async fn rest(&self) {
        match self.acted {
            Some(acted) => tokio::time::sleep_until(acted + SPAN).await,
            None => std::future::pending().await,
        }
    }

    /// From now on this person drives; none: the agent, as long as it does.
    pub(super) async fn driven_by(&mut self, person: Option<&ScreenDriver>) {
        if self.acted.is_some_and(|acted| acted.elapsed() >= SPAN) || person.is_some() {
            self.acted = None;
        }
        let filmed = self.filming.as_ref().map(|filming| &filming.driver);
        let goes_on = match (filmed, person) {
            (Some(filmed), Some(person)) => filmed == person,
            (Some(filmed), None) => filmed.who.is_none() && self.acted.is_some(),
            (None, _) => false,
        };
        if goes_on {
            return;
        }
        self.end().await;
        if let Some(person) = person {
            self.begin(person.clone()).await;
        }
    }

    async fn begin(&mut self, driver: ScreenDriver) {
        let recordings = &self.surroundings.recordings;
        let (name, file) = match recordings.begin() {
            Ok(Some(begun)) => begun,
            Ok(None) => {
                if recordings.said.swap(1, Ordering::Relaxed) == 0 {
                    let text = "The run has as many recordings of its screen as it may; what follows is not recorded.";
                    self.surroundings.words.send(word(text.to_owned())).await.ok();
                }
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "the screen is not recorded");
                return;
            }
        };
        let (stop, stopped) = oneshot::channel();
        let head = Head {
            pilothouse_screen: 1,
            began: self.surroundings.clock.now().0,
            who: driver.who.clone(),
        };
        let event = ScreenEvent::RecordingBegan { name: name.clone(), who: driver.who.clone() };
        self.surroundings.journal(event).await;
        let mut camera = JoinSet::new();
        let (place, notes) = (self.place.clone(), self.notes.subscribe());
        camera.spawn(async move { roll(&place, file, &head, notes, stopped).await });
        self.filming = Some(Filming { name, driver, stop, camera });
    }

    /// Ends the one under way.
    pub(super) async fn end(&mut self) {
        let Some(Filming { name, stop, mut camera, .. }) = self.filming.take() else { return };
        // One that was full, or lost its server, has stopped by itself.
        stop.send(()).ok();
        let ended = tokio::time::timeout(PATIENCE, camera.join_next()).await;
        let millis = ended.ok().flatten().and_then(Result::ok).unwrap_or(0);
        self.surroundings.recordings.publish(&name);
        let event = ScreenEvent::RecordingEnded { name, millis: millis.into() };
        self.surroundings.journal(event).await;
    }
}

/// Films until it is stopped; how long that was.
async fn roll(
    place: &Place,
    file: File,
    head: &Head,
    mut notes: broadcast::Receiver<Note>,
    mut stop: oneshot::Receiver<()>,
) -> u32 {
    let began = Instant::now();
    let mut writer = match Writer::begin(file, head) {
        Ok(writer) => writer,
        Err(error) => {
            tracing::warn!(%error, "the screen is not recorded");
            return 0;
        }
    };
    loop {
        let Ok(desktop) = place.greeted().await else { break };
        match film(desktop, &mut writer, began, &mut notes, &mut stop).await {
            Ok(Cut::Again) => {}
            Ok(Cut::Stopped | Cut::Full) => break,
            Err(error) => {
                tracing::debug!(%error, "the camera lost its desktop");
                break;
            }
        }
    }
    let millis = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = writer.write(millis, &Block::End) {
        tracing::warn!(%error, "a recording has no end");
    }
    writer.last()
}
