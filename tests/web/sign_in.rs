//! Signing in: a link is good once, what it gives is good until it is ended, and what is ended is
//! ended everywhere and at once, for open sockets too.

use crate::tmux;

use crate::http::Site;
use crate::signed::{Socket, closed, get, hello, link, post, send, sign_in, site, vault, watch};
use crate::tmux::Tmux;
use futures_util::future::join_all;
use futures_util::{SinkExt as _, StreamExt as _};
use muxview::access::Ledger;
use muxview::config::{self, Auth};
use serde_json::json;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_good_once_and_what_it_gives_survives_a_restart() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let printed = site.secret.clone().expect("a link");
    // A program may use the link's secret as it is, until the link is opened.
    assert_eq!(get(&site, "/api/sessions", &printed).await.status, 200);
    let credential = sign_in(&site, &printed).await;
    for used in [&printed, "", "x", "share.x", &credential] {
        let again = post(&site, "/api/sign-in", None, json!({ "t": used })).await;
        assert_eq!(again.status, 401, "{used}");
    }
    assert_eq!(get(&site, "/api/sessions", &printed).await.status, 401);
    assert_eq!(get(&site, "/api/sessions", &credential).await.status, 200);

    // Opened while nobody served, by whoever has the state directory.
    let (dir, socket) = (site.dir, tmux.name.clone());
    site.service.stop().await;
    let state = dir.path().join("state");
    let restarted = Site::open_with(Auth::Token, |config| {
        config.tmux = config::Tmux::Name(socket);
        config.state_dir = Some(state);
    })
    .await;
    assert_eq!(get(&restarted, "/api/sessions", &printed).await.status, 401);
    assert_eq!(
        get(&restarted, "/api/sessions", &credential).await.status,
        200
    );
    restarted.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_open_a_link_one_is_let_in() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let link = link(&site);
    let open = || post(&site, "/api/sign-in", None, json!({ "t": link }));
    let answers = join_all((0..8).map(|_| open())).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1, "{answers:?}");
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_is_told_to_wait_and_who_knows_is_not() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let mut statuses = vec![];
    for guess in 0..20 {
        let guess = json!({ "t": format!("1.{guess}.x") });
        let answer = post(&site, "/api/sign-in", None, guess).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some());
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10..], [429; 10]);
    sign_in(&site, &link(&site)).await;
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_closes_what_is_open_within_a_second() {
    let tmux = Tmux::started();
    tmux.must(&["new-session", "-d", "-s", "main", "cat"]);
    let site = site(&tmux).await;
    let [one, two] = [
        sign_in(&site, &link(&site)).await,
        sign_in(&site, &link(&site)).await,
    ];
    let mut mine = watch(&site, "main", &one).await;
    let mut other = watch(&site, "main", &two).await;
    for socket in [&mut mine, &mut other] {
        assert_eq!(hello(socket).await.expect("let in")["role"], "drive");
    }
    let out = post(&site, "/api/sign-out", Some(&one), json!({})).await;
    assert_eq!(out.status, 204);
    let since = Instant::now();
    assert_eq!(closed(&mut mine).await, 4401);
    assert!(since.elapsed().as_secs() < 1);
    assert_eq!(get(&site, "/api/sessions", &one).await.status, 401);
    assert_eq!(
        hello(&mut watch(&site, "main", &one).await).await,
        Err(4401)
    );

    // The other one is still in, until all are signed out: here by another process.
    other
        .send(Message::text(r#"{"type":"ping","id":7}"#))
        .await
        .unwrap();
    assert_eq!(get(&site, "/api/sessions", &two).await.status, 200);
    vault(&site).change(Ledger::end_all).expect("written");
    assert_eq!(closed(&mut other).await, 4401);
    let out = post(&site, "/api/sign-out", Some(&two), json!({})).await;
    assert_eq!(out.status, 401);
    let again = sign_in(&site, &link(&site)).await;
    let out = json!({"everywhere": true});
    assert_eq!(
        post(&site, "/api/sign-out", Some(&again), out).await.status,
        204
    );
    assert_eq!(get(&site, "/api/sessions", &again).await.status, 401);
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_watches_one_session_and_nothing_else_is_there() {
    let tmux = Tmux::started();
    for name in ["shared", "hidden"] {
        tmux.must(&["new-session", "-d", "-s", name, "cat"]);
    }
    let site = site(&tmux).await;
    let owner = sign_in(&site, &link(&site)).await;
    let share = json!({"session": "shared", "uses": 2, "seconds": 600});
    let made = post(&site, "/api/shares", Some(&owner), share).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let (path, secret) = made["link"]
        .as_str()
        .expect("text")
        .split_once("#t=")
        .expect("a link");
    let guest = sign_in(&site, secret).await;

    let list = get(&site, "/api/sessions", &guest).await.json();
    let seen: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["name"], &row["role"]))
        .collect();
    assert_eq!(seen, [(&json!("shared"), &json!("view"))]);
    let id = path.strip_prefix("s/").expect("a page");
    let mut watching = watch(&site, id, &guest).await;
    assert_eq!(hello(&mut watching).await.expect("let in")["role"], "view");
    for absent in ["hidden", "nothing", "$4000000"] {
        assert_eq!(
            hello(&mut watch(&site, absent, &guest).await).await,
            Err(4404)
        );
    }
    for (method, path, body, status) in [
        ("POST", "/api/sessions", json!({"name": "new"}), 403),
        ("PATCH", "/api/sessions/shared", json!({"name": "new"}), 403),
        ("DELETE", "/api/sessions/shared", json!({}), 403),
        ("PATCH", "/api/sessions/hidden", json!({"name": "new"}), 404),
        ("DELETE", "/api/sessions/hidden", json!({}), 404),
        ("DELETE", "/api/sessions/nothing", json!({}), 404),
        ("POST", "/api/shares", json!({"session": "shared"}), 403),
        (
            "DELETE",
            "/api/shares/0123456789abcdef01234567",
            json!({}),
            403,
        ),
        ("POST", "/api/sign-out", json!({"everywhere": true}), 403),
    ] {
        let answer = send(&site, method, path, Some(&guest), body).await;
        assert_eq!(answer.status, status, "{method} {path} {answer:?}");
    }
    for path in ["/api/shares", "/metrics"] {
        assert_eq!(get(&site, path, &guest).await.status, 403, "{path}");
    }

    // The link is used up with the second guest, who stays.
    let second = sign_in(&site, secret).await;
    let third = post(&site, "/api/sign-in", None, json!({ "t": secret })).await;
    assert_eq!(third.status, 401);
    assert_eq!(get(&site, "/api/sessions", &second).await.status, 200);

    // A guest who signs out is out, and nobody else is.
    let third = share_again(&site, &owner).await;
    let [one, two] = [sign_in(&site, &third).await, sign_in(&site, &third).await];
    let out = post(&site, "/api/sign-out", Some(&one), json!({})).await;
    assert_eq!(out.status, 204);
    assert_eq!(get(&site, "/api/sessions", &one).await.status, 401);
    for credential in [&two, &guest, &owner] {
        assert_eq!(get(&site, "/api/sessions", credential).await.status, 200);
    }

    // Ending the share is the end of both.
    let shares = get(&site, "/api/shares", &owner).await.json();
    assert_eq!(shares[0]["uses"], 0);
    assert!(!shares.to_string().contains(secret));
    let share = format!("/api/shares/{}", made["id"].as_str().expect("text"));
    let ended = send(&site, "DELETE", &share, Some(&owner), json!({})).await;
    assert_eq!(ended.status, 204);
    assert_eq!(closed(&mut watching).await, 4403);
    for guest in [&guest, &second] {
        assert_eq!(get(&site, "/api/sessions", guest).await.status, 401);
    }
    let again = send(&site, "DELETE", &share, Some(&owner), json!({})).await;
    assert_eq!(again.status, 404);
    site.service.stop().await;
}

/// Another link to `shared`.
async fn share_again(site: &Site, owner: &str) -> String {
    let made = post(
        site,
        "/api/shares",
        Some(owner),
        json!({"session": "shared"}),
    )
    .await;
    let made = made.json();
    let link = made["link"].as_str().expect("text");
    link.split_once("#t=").expect("a link").1.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_is_not_of_a_session_that_has_its_number_later() {
    let tmux = Tmux::none();
    tmux.must(&["new-session", "-d", "-s", "shared", "cat"]);
    let site = site(&tmux).await;
    let owner = sign_in(&site, &link(&site)).await;
    let made = post(
        &site,
        "/api/shares",
        Some(&owner),
        json!({"session": "shared"}),
    )
    .await;
    let made = made.json();
    let secret = made["link"]
        .as_str()
        .unwrap()
        .split_once("#t=")
        .unwrap()
        .1
        .to_owned();
    let guest = sign_in(&site, &secret).await;
    let created = || tmux.must(&["list-sessions", "-F", "#{session_created}"]);
    let before = created();
    // tmux tells the time in seconds, and a server that ends takes nobody any more.
    tmux::until("another server in another second", async || {
        tmux.command(&["kill-server"]);
        let new = tmux.command(&["new-session", "-d", "-s", "shared", "cat"]);
        new.status.success() && created() != before
    })
    .await;
    tmux::until("the list to have it", async || {
        get(&site, "/api/sessions", &owner)
            .await
            .body
            .contains("shared")
    })
    .await;
    assert_eq!(
        hello(&mut watch(&site, "shared", &guest).await).await,
        Err(4404)
    );
    tmux::until("the list to follow", async || {
        get(&site, "/api/sessions", &guest).await.body == "[]"
    })
    .await;
    site.service.stop().await;
}

/// What a socket is sent until it is closed, which must happen soon.
async fn all_sent(mut socket: Socket) -> Vec<u8> {
    let mut sent = vec![];
    let reading = async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                return true;
            }
            sent.extend(message.into_data());
        }
        false
    };
    let closed = tokio::time::timeout(tmux::PATIENCE, reading).await;
    assert_eq!(closed, Ok(true), "{}", String::from_utf8_lossy(&sent));
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_is_not_of_a_session_of_a_server_restarted_within_the_same_second() {
    let tmux = Tmux::none();
    let begin = |mark: &str| {
        let print = format!("printf {mark}; exec cat");
        let new = tmux.command(&["new-session", "-d", "-s", "shared", &print]);
        new.status.success()
    };
    let created = || tmux.must(&["list-sessions", "-F", "#{session_id} #{session_created}"]);
    assert!(begin("first"));
    let site = site(&tmux).await;
    let owner = sign_in(&site, &link(&site)).await;
    let mut restarted = 0;
    while restarted < 8 {
        tmux::until("the start of a second", async || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.is_ok_and(|now| now.subsec_millis() < 300)
        })
        .await;
        tmux.command(&["kill-server"]);
        tmux::until("a server", async || begin("before")).await;
        let old = created();
        tmux::until("the list to have it", async || {
            let now = get(&site, "/api/sessions", &owner).await.json();
            old[3..]
                .parse()
                .is_ok_and(|at: u64| now[0]["created"] == at)
        })
        .await;
        let guest = sign_in(&site, &share_again(&site, &owner).await).await;
        let open = watch(&site, "shared", &guest).await;
        tmux.command(&["kill-server"]);
        tmux::until("another server", async || begin("after")).await;
        if created() != old {
            continue;
        }
        restarted += 1;
        let mut sockets = vec![open];
        for _ in 0..4 {
            for address in ["shared", "%240"] {
                sockets.push(watch(&site, address, &guest).await);
            }
        }
        for sent in join_all(sockets.into_iter().map(all_sent)).await {
            let sent = String::from_utf8_lossy(&sent);
            assert!(!sent.contains("after"), "{sent}");
        }
    }
    site.service.stop().await;
}

#[tokio::test]
async fn wrong_wishes_are_named() {
    let tmux = Tmux::started();
    tmux.must(&["new-session", "-d", "-s", "main", "cat"]);
    let site = site(&tmux).await;
    let owner = sign_in(&site, &link(&site)).await;
    for (body, status) in [
        (json!({"session": "none"}), 404),
        (json!({"session": "main", "seconds": 0}), 422),
        (json!({"session": "main", "seconds": 31 * 24 * 3600}), 422),
        (json!({"session": "main", "uses": 0}), 422),
        (json!({"session": "main", "uses": 1001}), 422),
        (json!({"session": "main", "uses": -1}), 422),
        (json!({}), 422),
    ] {
        let answer = post(&site, "/api/shares", Some(&owner), body.clone()).await;
        assert_eq!(answer.status, status, "{body} {answer:?}");
    }
    let renewed = post(&site, "/api/sign-in/renew", Some(&owner), json!({})).await;
    assert_eq!(renewed.status, 204, "nothing to renew yet");
    let stranger = post(&site, "/api/sign-in/renew", None, json!({})).await;
    assert_eq!(stranger.status, 401);
    site.service.stop().await;
}
