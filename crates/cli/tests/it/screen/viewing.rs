//! Whoever looks at a screen, by the protocol: a tunnel, an RFB client, and what
//! is said beside its bytes.

use super::PATIENCE;
use pilot_client::{Client, ClientError, as_stream};
use pilot_proto::TaskId;
use pilot_proto::screen::FromScreen;
use pilot_proto::tunnel::TunnelQuery;
use pilot_screen::hands::Hands;
use pilot_screen::keys;
use pilot_screen::picture::Picture;
use pilot_screen::rfb::Size;
use pilot_screen::rfb::viewer::Pointer;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What a screen last said of itself.
pub(super) type Said = watch::Receiver<Option<FromScreen>>;

/// A tunnel to a screen, as a stream of bytes and the words beside it.
pub(super) struct Line {
    pub(super) stream: DuplexStream,
    pub(super) said: Said,
    _carrier: JoinSet<()>,
}

impl Line {
    pub(super) async fn open(client: &Client, task: TaskId, view: bool) -> Self {
        let mut line = Self::dial(client, task, view).await.expect("the hub lets us in");
        says(&mut line.said, "how it stands", |_| true).await;
        line
    }

    async fn dial(client: &Client, task: TaskId, view: bool) -> Result<Self, ClientError> {
        let query = TunnelQuery { task, port: None, screen: Some(true), view: Some(view) };
        let (sender, receiver) = client.tunnel(&query).await?;
        let (say, said) = watch::channel(None);
        let (stream, carried) = as_stream(sender, receiver, move |text| {
            say.send_replace(Some(serde_json::from_str(&text).expect("a word")));
        });
        let mut carrier = JoinSet::new();
        // How it ends shows in the stream, and in what was said last.
        carrier.spawn(async move { carried.await.unwrap_or_default() });
        Ok(Self { stream, said, _carrier: carrier })
    }
}

/// Waits until it has said something of the kind.
pub(super) async fn says(
    said: &mut Said,
    what: &str,
    done: impl Fn(&FromScreen) -> bool,
) -> FromScreen {
    let waited = said.wait_for(|said| said.as_ref().is_some_and(&done));
    let waited = timeout(PATIENCE, waited).await.map(|waited| waited.map(|found| found.clone()));
    match waited {
        Ok(Ok(found)) => found.expect("it said something"),
        Ok(Err(_)) => panic!("{what}: the tunnel ended"),
        Err(_) => panic!("{what}: never; it said {:?}", *said.borrow()),
    }
}

pub(super) fn yours(said: &FromScreen) -> bool {
    matches!(said, FromScreen::State { yours: true, .. })
}

pub(super) fn driven_by(said: &FromScreen) -> Option<&str> {
    match said {
        FromScreen::State { driver: Some(driver), .. } => driver.who.as_deref(),
        _ => None,
    }
}

/// What came of trying to come in.
#[derive(Debug)]
pub(super) enum Attempt {
    In(Box<Viewer>),
    /// There is no screen, and this was said of it.
    Told(FromScreen),
    /// Nobody said anything.
    Unreachable,
}

/// Somebody in front of a screen.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) hands: Hands<DuplexStream>,
    pub(super) said: Said,
    _carrier: JoinSet<()>,
}

impl Viewer {
    pub(super) async fn open(client: &Client, task: TaskId, view: bool) -> Self {
        let Line { stream, said, _carrier } = Line::open(client, task, view).await;
        let greeted = Hands::greet(stream).await;
        let hands = greeted.unwrap_or_else(|error| panic!("{error}; {:?}", *said.borrow()));
        Self { hands, said, _carrier }
    }

    /// Tries to come in.
    pub(super) async fn attempt(client: &Client, task: TaskId) -> Attempt {
        let Ok(Line { stream, mut said, _carrier }) = Line::dial(client, task, false).await else {
            return Attempt::Unreachable;
        };
        let word = timeout(PATIENCE, said.wait_for(Option::is_some)).await.expect("in time");
        let Some(word) = word.ok().and_then(|word| word.clone()) else {
            return Attempt::Unreachable;
        };
        if !matches!(word, FromScreen::State { .. }) {
            return Attempt::Told(word);
        }
        match Hands::greet(stream).await {
            Ok(hands) => Attempt::In(Box::new(Self { hands, said, _carrier })),
            Err(_) => Attempt::Unreachable,
        }
    }

    /// Waits until nothing comes any more.
    pub(super) async fn loses(mut self) {
        let lost = async { while self.hands.look().await.is_ok() {} };
        timeout(PATIENCE, lost).await.expect("the tunnel ends");
    }

    /// The window manager gives the window under a click the focus.
    pub(super) async fn clicks(&mut self, x: u16, y: u16) {
        for buttons in [0, 1, 0] {
            self.hands.point(Pointer { x, y, buttons }).await.expect("it is sent");
        }
    }

    pub(super) async fn sees(&mut self, what: &str, done: impl Fn(&Picture) -> bool) -> Picture {
        let seen = async {
            loop {
                let picture = self.hands.look().await.expect("it shows itself");
                if done(&picture) {
                    return picture;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{what}: never"))
    }

    /// Presses keys together.
    pub(super) async fn presses(&mut self, chord: &str) {
        let keys = keys::chord(chord).expect("there are such keys");
        for key in &keys {
            self.hands.key(*key, true).await.expect("it is taken");
        }
        for key in keys.iter().rev() {
            self.hands.key(*key, false).await.expect("it is taken");
        }
    }

    pub(super) async fn types(&mut self, text: &str) {
        for letter in text.chars() {
            for down in [true, false] {
                self.hands.key(keys::of_letter(letter), down).await.expect("it is taken");
            }
        }
    }
}

pub(super) fn bytes(picture: &Picture) -> Vec<u8> {
    let Size { width, height } = picture.size();
    let colour = |x, y| picture.colour(x, y).expect("it lies on it");
    (0..height).flat_map(|y| (0..width).flat_map(move |x| colour(x, y))).collect()
}

/// How much of it is white: a window that we opened.
pub(super) fn white(picture: &Picture) -> usize {
    bytes(picture).chunks_exact(3).filter(|colour| **colour == [255; 3]).count()
}

pub(super) fn shows_a_window(picture: &Picture) -> bool {
    white(picture) > 10_000
}
