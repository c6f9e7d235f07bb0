//! Sessions, sign-in codes and preferences.

use crate::world::{World, on_both_engines};
use pilot_proto::Timestamp;
use pilot_store::{Kept, MOST_SESSIONS, Session, SignInCode};

on_both_engines!(
    a_session_lasts_until_it_is_over_or_ended,
    whoever_signs_in_again_and_again_keeps_the_browsers_used_last,
    a_sign_in_code_is_used_once,
    preferences_are_kept_per_person_and_bounded,
);

fn session(hash: &str) -> Session {
    Session {
        hash: hash.to_owned(),
        principal: "owner".to_owned(),
        role: "admin".to_owned(),
        binding: "bound".to_owned(),
        label: "Firefox".to_owned(),
        created_at: Timestamp(10),
        seen_at: Timestamp(10),
        expires_at: Timestamp(100),
    }
}

async fn a_session_lasts_until_it_is_over_or_ended(world: World) {
    let store = world.open().await;
    for hash in ["a", "b"] {
        store.put_session(&session(hash)).await.expect("keeps");
    }
    store.close().await;
    let store = world.open().await;
    let found = async |hash: &str, now| store.session(hash, Timestamp(now)).await.expect("reads");
    assert_eq!(found("a", 99).await, Some(session("a")), "a restart does not sign anybody out");
    assert_eq!(found("a", 100).await, None, "its time is over");
    assert_eq!(found("c", 50).await, None, "nobody's");
    store.saw_session("a", Timestamp(60)).await.expect("writes");
    assert_eq!(found("a", 61).await.expect("is there").seen_at, Timestamp(60));
    store.remove_session("a").await.expect("removes");
    assert_eq!(found("a", 62).await, None, "signed out");
    assert!(found("b", 62).await.is_some(), "another browser stays");
    let late = Session { created_at: Timestamp(200), expires_at: Timestamp(300), ..session("d") };
    store.put_session(&late).await.expect("keeps");
    assert_eq!(world.number("SELECT COUNT(*) FROM sessions").await, 1, "old ones are swept");
    store.close().await;
}

async fn whoever_signs_in_again_and_again_keeps_the_browsers_used_last(world: World) {
    let store = world.open().await;
    let guest = Session { principal: "guest".to_owned(), ..session("guest") };
    store.put_session(&guest).await.expect("keeps");
    for number in 0..MOST_SESSIONS {
        store.put_session(&session(&number.to_string())).await.expect("keeps");
        if number == 0 {
            store.saw_session("0", Timestamp(50)).await.expect("writes");
        }
    }
    store.put_session(&session("last")).await.expect("keeps");
    let found = async |hash: &str| store.session(hash, Timestamp(60)).await.expect("reads");
    assert!(found("0").await.is_some(), "the one in use stays");
    assert!(found("last").await.is_some() && found("guest").await.is_some());
    let all = world.number("SELECT COUNT(*) FROM sessions WHERE principal = 'owner'").await;
    assert_eq!(all, MOST_SESSIONS);
    store.close().await;
}

async fn a_sign_in_code_is_used_once(world: World) {
    let store = world.open().await;
    let code = |hash: &str, until| SignInCode {
        hash: hash.to_owned(),
        principal: "owner".to_owned(),
        binding: "bound".to_owned(),
        expires_at: Timestamp(until),
    };
    store.put_sign_in_code(&code("a", 100), Timestamp(1)).await.expect("keeps");
    let take =
        async |hash: &str, now| store.take_sign_in_code(hash, Timestamp(now)).await.expect("asks");
    assert_eq!(take("b", 50).await, None, "nobody's");
    assert_eq!(take("a", 100).await, None, "too late");
    let (one, other) = tokio::join!(take("a", 50), take("a", 50));
    assert_eq!(
        [one, other].into_iter().flatten().collect::<Vec<_>>(),
        [code("a", 100)],
        "exactly one of two gets in"
    );
    assert_eq!(take("a", 50).await, None, "it is used up");
    store.put_sign_in_code(&code("c", 100), Timestamp(1)).await.expect("keeps");
    store.put_sign_in_code(&code("d", 300), Timestamp(200)).await.expect("keeps");
    assert_eq!(world.number("SELECT COUNT(*) FROM sign_in_codes").await, 1, "old ones are swept");
    store.close().await;
}

async fn preferences_are_kept_per_person_and_bounded(world: World) {
    let store = world.open().await;
    let put = async |who: &str, key: &str, value: &str| {
        store.put_preference(who, key, value, 2).await.expect("writes")
    };
    let get = async |who: &str, key: &str| store.preference(who, key).await.expect("reads");
    assert_eq!(put("owner", "views", "[1]").await, Kept::Yes);
    assert_eq!(put("owner", "views", "[2]").await, Kept::Yes, "changed in place");
    assert_eq!(put("guest", "views", "[3]").await, Kept::Yes);
    assert_eq!(get("owner", "views").await.as_deref(), Some("[2]"));
    assert_eq!(get("guest", "views").await.as_deref(), Some("[3]"), "each person's own");
    assert_eq!(get("owner", "other").await, None);
    assert_eq!(put("owner", "b", "1").await, Kept::Yes);
    assert_eq!(put("owner", "c", "1").await, Kept::TooMany, "a third of two");
    assert_eq!(put("owner", "b", "2").await, Kept::Yes, "what is there can still be changed");
    store.remove_preference("owner", "views").await.expect("removes");
    assert_eq!(get("owner", "views").await, None);
    assert_eq!(put("owner", "c", "1").await, Kept::Yes, "there is room again");
    store.close().await;
}
