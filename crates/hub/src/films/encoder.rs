//! One film: a recording decoded picture by picture, into an `ffmpeg` that
//! makes WebM (VP9) of them.
//!
//! `ffmpeg` is the machine's own program: its encoder is the field's (libvpx),
//! and what it is given is pixels of ours in a container of ours, never a byte
//! that came from inside a run's walls.

use crate::blobs::Blobs;
use crate::error::with_causes;
use pilot_proto::{BlobId, Code, Problem};
use pilot_screen::recording::Reader;
use pilot_screen::recording::film::{FilmError, Frame, Frames, Survey, survey};
use pilot_screen::recording::matroska;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What encodes, and the Debian package of the same name.
const ENCODER: &str = "ffmpeg";
/// A picture is encoded in some hundredths of a second; after this it hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest film that makes sense takes an hour of a slow machine.
const LONGEST: Duration = Duration::from_secs(4 * 3600);
/// Bytes of a film: what a file system of any kind and a browser take.
const LARGEST: &str = "2000000000";
/// What stands still for longer is cut to this where that is wanted.
const STILL_MILLIS: u32 = 2000;
/// Of what it says of itself.
const MOST_SAID: u64 = 4096;
/// Between two key frames: seeking in a film decodes so many at most.
const KEY_FRAMES: &str = "100";

/// A film that is to be made.
pub(super) struct Wanted {
    pub(super) blobs: Blobs,
    pub(super) blob: BlobId,
    pub(super) skip_still: bool,
    pub(super) programs: Arc<str>,
    pub(super) path: PathBuf,
    pub(super) stop: CancellationToken,
}

/// A film that was made.
pub(super) struct Made {
    pub(super) size: u64,
    pub(super) note: Option<String>,
}

impl Wanted {
    /// Makes it, and tells how far it is and how far it has to go. Blocks, with
    /// a runtime of its own: decoding keeps no other request waiting.
    pub(super) fn make(self, tell: impl FnMut(u32, u32)) -> Result<Made, Problem> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime
            .map_err(|error| internal(&error))?
            .block_on(async {
                let made = async {
                    let made = timeout(LONGEST, self.encode(tell)).await;
                    made.unwrap_or_else(|_| Err(stuck("it takes longer than any film should")))
                };
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => {
                        Err(Problem::new(Code::Precondition, "It was stopped."))
                    }
                    made = made => made,
                }
            })
            .inspect_err(|_| {
                std::fs::remove_file(self.draft()).ok();
            })
    }

    fn draft(&self) -> PathBuf {
        self.path.with_extension("part")
    }

    fn open(&self) -> Result<Reader<impl BufRead + use<'_>>, Problem> {
        let bytes = self.blobs.unpacked(&self.blob).map_err(|error| error.problem())?;
        let bytes = bytes.ok_or_else(|| {
            let message = format!("The bytes of `{}` are not here.", self.blob);
            Problem::new(Code::NotFound, message)
                .hint("The runner that has them may send them yet.")
        })?;
        Reader::open(BufReader::new(bytes)).map_err(|error| unreadable(&error.into()))
    }

    async fn encode(&self, mut tell: impl FnMut(u32, u32)) -> Result<Made, Problem> {
        let Survey { millis, size } = survey(self.open()?).map_err(|error| unreadable(&error))?;
        tell(0, millis);
        let draft = self.draft();
        let mut encoder = Encoder::start(&self.programs, &draft)?;
        encoder.write(&matroska::head(size)).await?;
        let mut frames = Frames::of(self.open()?);
        let (mut clock, mut note, mut seen) = (Clock::new(self.skip_still), None, false);
        loop {
            let frame = match frames.next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    note = Some(ends_early(&error, clock.last.unwrap_or(0)));
                    break;
                }
            };
            seen = true;
            tell(frame.millis, millis);
            let at = clock.at(&frame);
            let kept = encoder.write(&matroska::before(at, size)).await?
                && encoder.write(&frame.on(size)).await?;
            if !kept {
                // Or it broke, and says so at its end.
                note = Some("It ends where a film has its largest size.".to_owned());
                break;
            }
        }
        if !seen {
            return Err(unreadable(&FilmError::Empty));
        }
        let cut = !frames.is_whole() && note.is_none();
        let note = note.or_else(|| {
            cut.then(|| "The recording was cut off; the film ends where it does.".to_owned())
        });
        encoder.end().await?;
        let kept = std::fs::rename(&draft, &self.path).and_then(|()| self.path.metadata());
        Ok(Made { size: kept.map_err(|error| internal(&error))?.len(), note })
    }
}

fn internal(error: &std::io::Error) -> Problem {
    Problem::new(Code::Internal, format!("The film cannot be made: {error}."))
}

fn stuck(why: &str) -> Problem {
    Problem::new(Code::Internal, format!("`{ENCODER}` made no film: {why}."))
}

fn unreadable(error: &FilmError) -> Problem {
    let message = format!("The recording cannot be made into a film: {}.", with_causes(error));
    Problem::new(Code::Invalid, message)
}

fn ends_early(error: &FilmError, millis: u32) -> String {
    let (minutes, seconds) = (millis / 60_000, millis / 1000 % 60);
    let why = with_causes(error);
    format!("The recording is damaged after {minutes}:{seconds:02}, where the film ends: {why}.")
}

/// When a picture is seen in the film.
struct Clock {
    skip_still: bool,
    /// Of the recording.
    last: Option<u32>,
    now: u64,
}

impl Clock {
    fn new(skip_still: bool) -> Self {
        Self { skip_still, last: None, now: 0 }
    }

    /// The first one stands from the beginning: there is nothing before it.
    fn at(&mut self, frame: &Frame<'_>) -> u64 {
        if let Some(last) = self.last {
            let passed = frame.millis.saturating_sub(last);
            self.now += u64::from(if self.skip_still { passed.min(STILL_MILLIS) } else { passed });
        } else if !self.skip_still {
            self.last = Some(0);
            return 0;
        }
        self.last = Some(frame.millis);
        self.now
    }
}

/// The program, at work.
struct Encoder {
    child: Child,
    pixels: ChildStdin,
}

impl Encoder {
    fn start(programs: &str, draft: &Path) -> Result<Self, Problem> {
        let mut command = Command::new(ENCODER);
        command
            .args(["-hide_banner", "-nostdin", "-loglevel", "error"])
            .args(["-protocol_whitelist", "pipe,file", "-f", "matroska", "-i", "pipe:0"])
            .args(["-map", "0:v:0", "-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p"])
            // Text has sharp edges; a screen that moves is no film of a landscape.
            .args(["-tune-content", "screen", "-deadline", "realtime", "-cpu-used", "7"])
            .args(["-row-mt", "1", "-b:v", "0", "-crf", "24", "-g", KEY_FRAMES])
            // Each picture keeps the time that it came with.
            .args(["-enc_time_base", "-1", "-fs", LARGEST, "-f", "webm", "-y"])
            .arg(draft)
            .env_clear()
            .env("PATH", programs)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                let message = format!("The hub's machine has no `{ENCODER}`, which makes films.");
                Problem::new(Code::Precondition, message).hint(format!(
                    "Install it there: `apt-get install {ENCODER}`. The recording plays without it."
                ))
            }
            _ => Problem::new(Code::Internal, format!("`{ENCODER}` cannot be run: {error}.")),
        })?;
        let pixels = child.stdin.take().ok_or_else(|| stuck("it takes no pixels"))?;
        Ok(Self { child, pixels })
    }

    /// False: it takes no more.
    async fn write(&mut self, bytes: &[u8]) -> Result<bool, Problem> {
        match timeout(PATIENCE, self.pixels.write_all(bytes)).await {
            Ok(Ok(())) => Ok(true),
            // Why, it says at its end.
            Ok(Err(_)) => Ok(false),
            Err(_) => Err(stuck("it takes no more pixels")),
        }
    }

    /// Nothing more comes: waits until the film is whole.
    async fn end(mut self) -> Result<(), Problem> {
        drop(self.pixels);
        let ended = async {
            let mut said = String::new();
            if let Some(stderr) = self.child.stderr.take() {
                stderr.take(MOST_SAID).read_to_string(&mut said).await.ok();
            }
            (self.child.wait().await, said)
        };
        match timeout(PATIENCE, ended).await {
            Ok((Ok(status), _)) if status.success() => Ok(()),
            Ok((Ok(_), said)) => Err(stuck(said.trim())),
            Ok((Err(error), _)) => Err(internal(&error)),
            Err(_) => Err(stuck("it does not end")),
        }
    }
}
