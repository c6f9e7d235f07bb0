//! Films of recordings: made when somebody asks, one at a time, and kept for a
//! while.
//!
//! **Invariants:** a film is of a recording that the task names; as many are
//! known as [`MOST`], and no more; whatever a recording holds, making its film
//! ends, and takes the memory of one picture.

mod encoder;

use crate::attachments::{disposition, name_of};
use crate::blobs::Blobs;
use crate::data_dir::make_private;
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::http::refusal;
use crate::hub::Parts;
use axum::body::Body;
use axum::extract::{Extension, RawPathParams, RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use encoder::{Made, Wanted};
use pilot_proto::console::{FilmDrop, FilmMake, FilmShow, Nothing, Role};
use pilot_proto::film::{FILM_TYPE, Film, FilmOf, FilmState};
use pilot_proto::screen::RECORDING_EXTENSION;
use pilot_proto::{BlobId, Code, Problem};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// So many films are waiting, made or kept. A long one has some hundred MiB.
const MOST: usize = 8;

/// All films of a hub.
pub(crate) struct Films {
    root: PathBuf,
    /// Of the next file.
    number: AtomicU64,
    programs: Arc<str>,
    blobs: Blobs,
    /// Oldest first.
    known: Mutex<Vec<Arc<Making>>>,
    /// An encoder takes all cores that it can get.
    place: Arc<Semaphore>,
}

/// One of them. Its file goes with it.
struct Making {
    blob: BlobId,
    skip_still: bool,
    path: PathBuf,
    film: Mutex<Film>,
    stop: CancellationToken,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Making {
    fn is_of(&self, of: &FilmOf) -> bool {
        self.blob == of.blob && self.skip_still == of.skip_still.unwrap_or(false)
    }

    fn film(&self) -> Film {
        lock(&self.film).clone()
    }

    fn is_over(&self) -> bool {
        matches!(self.film().state, FilmState::Ready | FilmState::Failed)
    }

    fn ended(&self, made: Result<Made, Problem>) {
        let mut film = lock(&self.film);
        match made {
            Ok(made) => {
                film.state = FilmState::Ready;
                film.done_millis = film.of_millis;
                film.size = Some(made.size);
                film.note = made.note;
            }
            Err(problem) => {
                tracing::info!(blob = %self.blob, %problem, "no film came of a recording");
                film.state = FilmState::Failed;
                let said = format!("{} {}", problem.message, problem.hint);
                film.note = Some(said.trim_end().to_owned());
            }
        }
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), %error, "a film could not be removed");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

impl Films {
    /// Opens the directory. What an earlier life left there can be made again.
    pub(crate) fn open(root: PathBuf, programs: String, blobs: Blobs) -> std::io::Result<Self> {
        let cleared = std::fs::remove_dir_all(&root);
        cleared.or_else(|error| {
            if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
        })?;
        make_private(&root)?;
        let place = Arc::new(Semaphore::new(1));
        let (number, known) = (AtomicU64::new(0), Mutex::default());
        Ok(Self { root, number, programs: programs.into(), blobs, known, place })
    }

    /// The film as it stands; where there is none, it is a task of `tasks` to
    /// make it.
    fn have(
        &self,
        of: &FilmOf,
        tasks: &TaskTracker,
        closing: &CancellationToken,
    ) -> Result<Film, Problem> {
        let (making, begins) = self.find_or_begin(of)?;
        if begins {
            let wanted = Wanted {
                blobs: self.blobs.clone(),
                blob: making.blob.clone(),
                skip_still: making.skip_still,
                programs: Arc::clone(&self.programs),
                path: making.path.clone(),
                stop: making.stop.clone(),
            };
            let (place, closing) = (Arc::clone(&self.place), closing.clone());
            tasks.spawn(make(wanted, Arc::clone(&making), place, closing));
        }
        Ok(making.film())
    }

    fn find(&self, of: &FilmOf) -> Option<Arc<Making>> {
        lock(&self.known).iter().find(|making| making.is_of(of)).cloned()
    }

    /// The film, and whether it is to be made.
    fn find_or_begin(&self, of: &FilmOf) -> Result<(Arc<Making>, bool), Problem> {
        let mut known = lock(&self.known);
        if let Some(at) = known.iter().position(|making| making.is_of(of)) {
            if known[at].film().state != FilmState::Failed {
                return Ok((Arc::clone(&known[at]), false));
            }
            known.remove(at);
        }
        if known.len() >= MOST {
            let Some(oldest) = known.iter().position(|making| making.is_over()) else {
                let message = "As many films are being made as this hub makes at once.";
                return Err(Problem::new(Code::LimitReached, message)
                    .hint("Wait for one of them, or stop one."));
            };
            known.remove(oldest);
        }
        let skip_still = of.skip_still.unwrap_or(false);
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let film = Film {
            state: FilmState::Waiting,
            done_millis: 0,
            of_millis: 0,
            size: None,
            note: None,
        };
        let making = Arc::new(Making {
            blob: of.blob.clone(),
            skip_still,
            path: self.root.join(format!("{number}.webm")),
            film: Mutex::new(film),
            stop: CancellationToken::new(),
        });
        known.push(Arc::clone(&making));
        Ok((making, true))
    }

    fn forget(&self, of: &FilmOf) {
        lock(&self.known).retain(|making| {
            let gone = making.is_of(of);
            if gone {
                making.stop.cancel();
            }
            !gone
        });
    }
}

/// Makes it, when its turn has come.
async fn make(
    wanted: Wanted,
    making: Arc<Making>,
    place: Arc<Semaphore>,
    closing: CancellationToken,
) {
    let told = Arc::clone(&making);
    let work = async {
        let place = place.acquire_owned().await;
        lock(&making.film).state = FilmState::Making;
        let made = tokio::task::spawn_blocking(move || {
            // Until it is over, whoever still waits for it.
            let _place = place;
            wanted.make(|done, of| {
                let mut film = lock(&told.film);
                (film.done_millis, film.of_millis) = (done.into(), of.into());
            })
        });
        match made.await {
            Ok(made) => making.ended(made),
            Err(error) => making.ended(Err(Problem::new(Code::Internal, error.to_string()))),
        }
    };
    tokio::select! {
        () = work => {}
        () = closing.cancelled() => making.stop.cancel(),
        () = making.stop.cancelled() => {}
    }
}

/// A recording that the task names; its name.
async fn recording(parts: &Parts, of: &FilmOf) -> Result<String, Problem> {
    let task = parts.task_or_problem(of.task).await?;
    let name = name_of(parts, &task, &of.blob).await?;
    if name.ends_with(&format!(".{RECORDING_EXTENSION}")) {
        return Ok(name);
    }
    Err(Problem::new(Code::Invalid, format!("`{name}` is no recording of a screen.")))
}

impl Answers<FilmMake> for Parts {
    async fn answer(&self, _who: &Principal, of: FilmOf) -> Result<Film, Problem> {
        recording(self, &of).await?;
        self.films.have(&of, &self.sockets, &self.stop)
    }
}

fn unmade() -> Problem {
    Problem::new(Code::NotFound, "This film was not made, or was forgotten since.")
        .hint("Have it made again.")
}

impl Answers<FilmShow> for Parts {
    async fn answer(&self, _who: &Principal, of: FilmOf) -> Result<Film, Problem> {
        recording(self, &of).await?;
        Ok(self.films.find(&of).ok_or_else(unmade)?.film())
    }
}

impl Answers<FilmDrop> for Parts {
    async fn answer(&self, _who: &Principal, of: FilmOf) -> Result<Nothing, Problem> {
        recording(self, &of).await?;
        self.films.forget(&of);
        Ok(Nothing {})
    }
}

/// Route of [`pilot_proto::console::FILM_PATH`].
pub(crate) async fn download(
    State(parts): State<Arc<Parts>>,
    Extension(who): Extension<Principal>,
    path: RawPathParams,
    RawQuery(query): RawQuery,
) -> Response {
    let path: Vec<_> =
        path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let answered = async {
        who.require(Role::Viewer)?;
        let of: FilmOf = crate::request::from_query(&path, &query.unwrap_or_default())?;
        let name = recording(&parts, &of).await?;
        let making = parts.films.find(&of).ok_or_else(unmade)?;
        let Film { state: FilmState::Ready, size: Some(size), .. } = making.film() else {
            return Err(Problem::new(Code::Precondition, "The film is not whole yet."));
        };
        let file = tokio::fs::File::open(&making.path).await.map_err(|error| {
            Problem::new(Code::Internal, format!("The film cannot be read: {error}."))
        })?;
        let name = name.trim_end_matches(RECORDING_EXTENSION);
        let headers = [
            (CONTENT_TYPE, FILM_TYPE.to_owned()),
            (CONTENT_LENGTH, size.to_string()),
            (CONTENT_DISPOSITION, disposition("attachment", &format!("{name}webm"))),
        ];
        Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
    };
    answered.await.unwrap_or_else(|problem| refusal(&problem))
}
