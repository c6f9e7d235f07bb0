//! A real Xvnc with real programs, without walls.

use pilot_screen::desktop::{self, COOKIE};
use pilot_screen::hands::Hands;
use pilot_screen::keys;
use pilot_screen::picture::Picture;
use pilot_screen::recording::camera::{Cut, Note, film};
use pilot_screen::recording::{Block, Head, Reader, Writer};
use pilot_screen::rfb::greeting::greet;
use pilot_screen::rfb::server::{Class, ServerStream, Sink};
use pilot_screen::rfb::viewer::Pointer;
use pilot_screen::rfb::{PixelFormat, Rect, SharedFormat, Size};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::sync::{broadcast, oneshot};
use tokio::time::{Instant, sleep, timeout};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Of the next display: tests run side by side, each on one of its own.
static NEXT: AtomicU16 = AtomicU16::new(58_001);

/// A desktop of a test's own.
pub(crate) struct Desktop {
    directory: TempDir,
    number: u16,
    server: Child,
    programs: Vec<Child>,
}

#[expect(clippy::disallowed_methods, reason = "tests start real programs")]
pub(crate) fn command(program: &str) -> Command {
    Command::new(program)
}

impl Desktop {
    pub(crate) async fn start(size: Size) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = tempfile::tempdir().expect("a directory");
        let authority = directory.path().join("authority");
        std::fs::write(&authority, desktop::authority(number, [5; COOKIE])).expect("writable");
        std::fs::create_dir_all("/tmp/.X11-unix").expect("writable");
        let said = directory.path().join("said");
        let server = command(desktop::SERVER)
            .args(desktop::arguments(number, "rfb.sock", &authority, size))
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(File::create(&said).expect("writable"))
            .spawn()
            .expect("Xvnc is of the package tigervnc-standalone-server");
        let desktop = Self { directory, number, server, programs: Vec::new() };
        let stands = async {
            while UnixStream::connect(desktop.socket()).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let stood = timeout(PATIENCE, stands).await;
        let said = || std::fs::read_to_string(&said).unwrap_or_default();
        assert!(stood.is_ok(), "the server does not stand:\n{}", said());
        desktop
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("rfb.sock")
    }

    pub(crate) async fn hands(&self) -> Hands<UnixStream> {
        let stream = UnixStream::connect(self.socket()).await.expect("it listens");
        Hands::greet(stream).await.expect("it greets")
    }

    fn inside(&self, program: &str) -> Command {
        let mut command = command(program);
        command
            .env("DISPLAY", format!(":{}", self.number))
            .env("XAUTHORITY", self.directory.path().join("authority"))
            // As in a run, whatever the machine speaks.
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.directory.path())
            .stderr(Stdio::null());
        command
    }

    pub(crate) fn run(&mut self, program: &str, arguments: &[&str]) {
        let started = self.inside(program).args(arguments).stdout(Stdio::null()).spawn();
        self.programs.push(started.unwrap_or_else(|error| panic!("{program}: {error}")));
    }

    /// What X itself says is on the screen: red, green, blue of every pixel.
    pub(crate) fn dump(&self) -> Vec<u8> {
        let dumped =
            self.inside("import").args(["-window", "root", "-depth", "8", "rgb:-"]).output();
        let dumped = dumped.expect("import is of the package imagemagick");
        assert!(dumped.status.success());
        dumped.stdout
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in self.programs.iter_mut().chain([&mut self.server]) {
            child.kill().ok();
            child.wait().ok();
        }
        // What a killed server leaves behind: another process may have its number
        // by the time a server of this display looks.
        std::fs::remove_file(format!("/tmp/.X{}-lock", self.number)).ok();
        std::fs::remove_file(format!("/tmp/.X11-unix/X{}", self.number)).ok();
    }
}

pub(crate) fn bytes(picture: &Picture) -> Vec<u8> {
    let Size { width, height } = picture.size();
    let colour = |x, y| picture.colour(x, y).expect("it lies on it");
    (0..height).flat_map(|y| (0..width).flat_map(move |x| colour(x, y))).collect()
}

pub(crate) async fn until(
    hands: &mut Hands<UnixStream>,
    what: &str,
    done: impl Fn(&Picture) -> bool,
) -> Picture {
    let seen = async {
        loop {
            let picture = hands.look().await.expect("it shows itself");
            if done(&picture) {
                return picture;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{what}: never"))
}

pub(crate) const SIZE: Size = Size { width: 640, height: 480 };

pub(crate) fn bright(picture: &Picture) -> usize {
    let light = |colour: &&[u8]| colour.iter().all(|value| *value > 200);
    bytes(picture).chunks_exact(3).filter(light).count()
}

#[tokio::test]
async fn a_picture_is_what_x_has_and_keys_and_clicks_arrive() {
    let mut desktop = Desktop::start(SIZE).await;
    let mut hands = desktop.hands().await;
    let typed = desktop.directory.path().join("typed.txt");
    let script = format!("cat > {}", typed.display());
    desktop.run("xterm", &["-bg", "white", "-geometry", "60x10+40+50", "-e", "sh", "-c", &script]);
    let picture = until(&mut hands, "the window is there", |picture| bright(picture) > 5000).await;
    assert_eq!(picture.size(), SIZE);
    // Without a window manager the pointer has the focus.
    hands.point(Pointer { x: 100, y: 100, buttons: 0 }).await.expect("it points");
    for letter in "Grüße, Я!\n".chars() {
        for down in [true, false] {
            hands.key(keys::of_letter(letter), down).await.expect("it types");
        }
        sleep(Duration::from_millis(20)).await;
    }
    let arrived = async {
        while !std::fs::read_to_string(&typed).is_ok_and(|text| text.ends_with('\n')) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, arrived).await.expect("what was typed arrives");
    let text = std::fs::read_to_string(&typed).expect("it was typed");
    assert!(text.starts_with("Gr") && text.contains('!'), "{text}");
    let settled = async {
        loop {
            let (seen, is) = (bytes(&hands.look().await.expect("it shows itself")), desktop.dump());
            if seen == is {
                return seen.len();
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let length = timeout(PATIENCE, settled).await.expect("what is seen is what is there");
    assert_eq!(length, 640 * 480 * 3);
}

#[derive(Default)]
struct Played {
    updates: usize,
    sizes: Vec<Size>,
}

impl Sink for Played {
    fn bytes(&mut self, _class: Class, _bytes: &[u8]) {}

    fn pixels(&mut self, _rect: Rect, _at: usize, _bytes: &[u8]) {}

    fn resized(&mut self, size: Size) {
        self.sizes.push(size);
    }

    fn updated(&mut self) {
        self.updates += 1;
    }
}

#[tokio::test]
async fn a_film_is_a_whole_rfb_stream_with_what_was_done_in_it() {
    let mut desktop = Desktop::start(SIZE).await;
    let (notes, mut heard) = broadcast::channel(9);
    let (stop, mut stopped) = oneshot::channel();
    let mut file = Vec::new();
    let head = Head { pilothouse_screen: 1, began: 5, who: None };
    let mut writer = Writer::begin(&mut file, &head).expect("memory takes everything");
    let mut camera = UnixStream::connect(desktop.socket()).await.expect("it listens");
    let init = greet(&mut camera).await.expect("it greets");
    desktop.run("xterm", &["-bg", "white", "-geometry", "60x10+40+50"]);
    let act = async {
        let mut hands = desktop.hands().await;
        until(&mut hands, "the window is there", |picture| bright(picture) > 5000).await;
        notes.send(Note::Done("click 1,2".into())).expect("the camera hears");
        notes.send(Note::Pointer(Pointer { x: 1, y: 2, buttons: 1 })).expect("the camera hears");
        sleep(Duration::from_secs(1)).await;
        stop.send(()).expect("the camera rolls");
    };
    let began = Instant::now();
    let (cut, ()) =
        tokio::join!(film((camera, init), &mut writer, began, &mut heard, &mut stopped), act);
    assert_eq!(cut.expect("it was filmed"), Cut::Stopped);
    writer.write(5000, &Block::End).expect("memory takes everything");

    let mut reader = Reader::open(file.as_slice()).expect("it is a recording");
    let (mut stream, mut marks) = (Vec::new(), Vec::new());
    while let Some((_, block)) = reader.next().expect("it is whole") {
        match block {
            Block::Bytes(bytes) => stream.extend(bytes),
            other => marks.push(other),
        }
    }
    let expected =
        [Block::Stream, Block::Mark("click 1,2".into()), Block::Pointer(1, 2, 1), Block::End];
    assert_eq!(marks, expected);
    // A client that plays it is answered as by any server.
    let (mut ours, theirs) = tokio::io::duplex(1 << 20);
    let greeting = stream.len().min(12 + 2 + 4 + 24 + 64);
    let (mut reading, mut writing) = tokio::io::split(theirs);
    let said = stream[..greeting].to_vec();
    let feed = async move {
        tokio::io::AsyncWriteExt::write_all(&mut writing, &said).await.expect("it is taken");
        tokio::io::copy(&mut reading, &mut tokio::io::sink()).await.ok();
    };
    let init = tokio::select! {
        init = greet(&mut ours) => init.expect("it greets"),
        () = feed => panic!("nobody listens"),
    };
    assert_eq!((init.size, init.format), (SIZE, PixelFormat::TRUE));
    let behind = 12 + 2 + 4 + init.message.len();
    let mut played = Played::default();
    let format = Arc::new(SharedFormat::new(PixelFormat::TRUE));
    ServerStream::new(SIZE, format).push(&stream[behind..], &mut played).expect("it can be played");
    assert!(played.updates > 1, "{} updates", played.updates);
}
