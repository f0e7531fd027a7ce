//! The forty hostile or broken inputs of the threat model: what is answered to each, and where that is
//! tested. One message to the person, one line in the log, nobody else notices, nothing is lost.

use std::collections::HashSet;
use std::path::Path;

/// Number, what comes, what is answered, and the tests: a file (of `tests/`, or in `src/`) and what the
/// test there is called.
const FORTY: &str = r"
 1 | a head, a byte a second | closed after ten seconds, others are served | web/floods.rs::a_head_has_its_time_however_it_is_spent
 2 | a head of 100 KiB, 200 headers | 431 | web/http_requests.rs::heads_have_a_size
 3 | two lengths, or a length and chunks | 400 and the end of the connection: nothing hides behind it | service/hostile/requests.rs::nothing_hides_behind_a_length_or_a_line_that_lies, web/http_requests.rs::bodies_are_small_json
 4 | a foreign Host, none, two, with a user | 421 or 400, no page, and no cookie anywhere | web/access.rs::who_gets_in
 5 | an Origin that is missing, null, longer, of another port or scheme | 403 before the upgrade; none at all is no browser and needs a credential | web/access.rs::who_gets_in, browser/cross-site.test.mjs::opens nothing, reads nothing
 6 | the user's header twice, empty, long, folded, with bidi or an underscore | 400; the underscore is another header | web/roles.rs::only_the_proxy_names_anybody, src/web/auth/trusted_proxy.rs::only_a_known_peer_with_the_secret_names_one_user
 7 | the user's header from another peer, or over TCP | 403 with how to allow the peer; --auth proxy does not start on TCP | web/roles.rs::only_the_proxy_names_anybody, src/config/load_tests.rs::a_proxys_options_are_read
 8 | paths that climb, methods nobody has | 400, 404, 405, and no redirect but to the base path | service/hostile/requests.rs::what_is_no_request_is_none_and_no_path_leads_elsewhere, service/hostile/requests.rs::below_a_base_path_nothing_leads_elsewhere_either, web/http_requests.rs::urls_are_what_they_are
 9 | a credential changed, cut, of another key, expired, ended, long, fifty of them | 401, the same for all | service/hostile/requests.rs::a_credential_that_was_changed_anywhere_opens_nothing, web/access.rs::who_gets_in, src/access/credential.rs::nothing_else_opens
10 | a thousand guesses in a minute | 429 and when to come again; who knows is let in at once, so nobody can be locked out | service/hostile/requests.rs::a_thousand_guesses_in_a_minute_are_told_to_wait_and_harm_nobody
11 | empty messages | ignored | web/socket.rs::who_breaks_the_protocol_is_told_so_and_nobody_else_notices, end_to_end/bad_input.rs::strange_messages_are_ignored
12 | messages too long, 2^63 bytes, a million parts | 1009 past 4 MiB (a paste comes in one), before it is there; parts cost what the message does | service/hostile/sockets.rs::a_length_nobody_has_is_refused_before_it_comes, service/hostile/sockets.rs::a_million_parts_of_one_byte_cost_no_more_than_the_message
13 | frames RFC 6455 does not know | 1002 | web/socket.rs::who_breaks_the_protocol_is_told_so_and_nobody_else_notices
14 | text that is not UTF-8; a character in two parts | 1007; taken | web/socket.rs::who_breaks_the_protocol_is_told_so_and_nobody_else_notices
15 | permessage-deflate, offered or just sent | not agreed to; 1002 | service/hostile/sockets.rs::compression_is_not_spoken_and_other_paths_are_no_sockets
16 | 10,000 pings, 10,000 pongs | listened to a thousand a second, nothing of them is kept, and who does not stop is closed with 1008 | service/hostile/sockets.rs::floods_of_pings_and_pongs_are_borne, web/floods.rs::who_says_too_much_is_listened_to_more_slowly_and_who_does_not_stop_is_closed, src/web/socket/tap.rs::a_peer_that_pings_and_never_reads_holds_up_only_its_pongs
17 | every way to leave, and data after it | an end without a warning; what comes late is not typed | service/hostile/sockets.rs::every_way_to_leave_is_an_end_and_no_trouble
18 | a cable that is pulled | closed after 45 s of silence; whoever comes back gets the whole picture | web/socket.rs::who_is_silent_is_closed, browser/holding.test.mjs::bytes to the page are held
19 | a viewer that never reads | skipped, never closed for it: at most 256 KiB under way, then one picture | end_to_end/stall.rs::a_viewer_that_stops_reading, end_to_end/stall.rs::one_frame_brings_it_up_to_date
20 | a socket at another path, of another protocol or version | no upgrade, 4426 or only bytes, 426 | service/hostile/sockets.rs::compression_is_not_spoken_and_other_paths_are_no_sockets, web/access.rs::what_is_no_handshake_is_not_upgraded, web/access.rs::who_gets_in
21 | JSON that is deep, long, double, wrong or unknown | ignored: newer pages and other programs are not punished | end_to_end/bad_input.rs::strange_messages_are_ignored, src/web/socket/protocol/tests.rs::what_viewers_say
22 | numbers that repeat, go back, jump | input has none, and is never sent twice; an ack that lies counts as what can be true | src/viewer/flow_control/tests.rs::a_lying_ack_neither_goes_back_nor_ahead, matrix/input.rs::a_mebibyte_of_text_and_controls
23 | acks of what was never sent, a thousand repaints a second | as above; a repaint at most every 100 ms | src/viewer/flow_control/tests.rs::a_lying_ack_neither_goes_back_nor_ahead, src/viewer/tests.rs::resync_is_rate_limited_and_remembered, end_to_end/stall.rs::repaints_on_request
24 | sizes of 0, of a billion, a thousand a second | clamped; ten a second reach tmux, the newest last | end_to_end/bad_input.rs::absurd_sizes_are_clamped, src/bridge/policy/resize_steps.rs::a_dragged_window_is_followed_ten_times_a_second_and_ends_at_the_newest, tmux/bridge_hung.rs::a_flood_of_sizes_holds_up_neither_keys_nor_pictures
25 | every byte, a lone escape, a mebibyte, a paste that ends itself | as a bare attach would deliver it; the end is broken up | matrix/input.rs::arbitrary_bytes_as_from_a_bare_attach, matrix/input.rs::a_mebibyte_of_text_and_controls, browser/paste.test.mjs::no text ends the bracket it stands in
26 | whatever a spectator sends | ignored: nothing reaches tmux | matrix/input.rs::nothing_a_spectator_sends_reaches_tmux, web/roles.rs::each_finds_what_the_rules_give, web/sign_in.rs::a_guest_watches_one_session_and_nothing_else_is_there
27 | names that run, lead elsewhere or deceive | 422 with the rule; those that are there are text, and joined by id | service/hostile/names.rs::a_name_in_any_field_of_a_request_is_refused_or_nobodys, service/hostile/names.rs::a_name_in_any_field_of_a_socket_is_nobodys, service/hostile/names.rs::a_name_on_the_command_line_is_refused_or_a_url, service/hostile/names.rs::sessions_called_so_by_tmux_are_listed_as_text_and_joined_by_id, browser/names.test.mjs::show names as text
28 | directories and commands with the same in them | started there if it exists, else 422 at the field; a command is the shell's alone | service/hostile/names.rs::sessions_start_in_directories_called_so_and_nothing_else_does, tmux/sessions.rs::hostile_directories_and_commands_run_nothing_in_tmux
29 | floods, and every question a terminal can be asked | the picture after it, bounded; no answer but tmux's, the clipboard untouched | service/hostile/output.rs::floods_of_every_kind_end_with_the_picture_and_are_bounded, browser/questions.test.mjs::no answer of a browser reaches tmux, browser/messages.test.mjs::nothing a program could ask is answered by the browser, browser/clipboard.test.mjs::no frame reads or writes the clipboard, browser/pointer.test.mjs::what is not the web is no link, src/viewer/tests.rs::bells_ring_at_most_once_a_second_and_the_last_is_not_lost
30 | words that look like tmux's or ours | text | service/hostile/output.rs::words_that_look_like_tmuxs_or_ours_are_text, tmux/sessions.rs::a_program_cannot_forge_sessions_or_notifications_by_its_name
31 | 64 descriptors, 200 who come | 503 or waiting for those beyond; who is there types on; it waits without turning | service/hostile/host.rs::two_hundred_who_come_where_64_descriptors_are_harm_nobody_who_is_there, service/start.rs::with_64_descriptors_it_still_answers_or_says_so
32 | a disk that is full or read-only, keys taken away | who is in stays in; what cannot be kept is refused with its reason; no start with keys that are not good | service/hostile/host.rs::a_disk_that_is_full_refuses_what_it_cannot_keep, service/hostile/host.rs::a_disk_that_may_not_be_written_refuses_what_it_cannot_keep, service/hostile/host.rs::keys_that_are_taken_away_while_it_runs_end_nothing_and_begin_nothing, src/state_dir/mod.rs::what_is_not_ours_is_refused_and_left_alone
33 | no tmux, one not executable, one too old | named, and found when it comes | tmux/connection.rs::a_tmux_that_cannot_be_used_is_named, browser/list.test.mjs::a tmux that is not installed is told by the real thing
34 | a tmux that hangs | told after five seconds, no pile, untold when it goes on | tmux/connection.rs::a_server_that_hangs_times_out_without_a_pile_up_and_recovers, tmux/bridge_hung.rs::a_server_that_hangs_is_told_and_untold
35 | a tmux killed, its socket stale | 4410, and started over it | service/hostile/host.rs::a_tmux_server_that_is_killed_is_told_at_once_and_started_over_its_stale_socket, end_to_end/survive.rs::the_last_session_or_the_server_ends
36 | kill-server while a viewer stalls | tmux is gone at once: what a viewer does not take is dropped on our side | service/hostile/host.rs::a_viewer_that_stalls_does_not_keep_a_tmux_server_from_ending
37 | a socket that may not be used, a link, a directory open to all | named with its path, never no sessions | service/hostile/host.rs::a_tmux_socket_that_may_not_be_used_is_named_and_never_no_sessions, tmux/connection.rs::a_socket_of_others_is_named_and_a_stale_one_is_no_server
38 | a tmux of another version than its server | said, with what to do | service/hostile/host.rs::a_tmux_of_another_version_than_its_server_is_named_with_what_to_do
39 | clocks a year off, a night asleep | a little is borne; nothing signed in the future counts, nothing ended comes back, and pages come back one by one | src/access/credential.rs::it_is_good_from_now_until_it_expires, src/access/revocations.rs::a_clock_that_was_put_back_brings_nothing_back, browser/reconnect.test.mjs::36 after hours of sleep the server is asked once, browser/reconnect.test.mjs::40 a thousand pages that are told to spread come back evenly
40 | a viewer's task that panics, SIGTERM, SIGKILL, a hang | nobody else is missed; 1012 and an end in time; all is found again | service/hostile/host.rs::a_viewers_task_that_panics_is_missed_by_nobody, src/heartbeat.rs::a_panic_is_no_end, service/signals.rs::one_signal_ends_it_in_time_and_a_second_at_once, matrix/restart.rs::killed_and_started_again, service/notify.rs::a_stopped_process_shows_no_life
";

#[test]
fn each_is_answered_where_it_says() {
    let mut numbers = HashSet::new();
    for line in FORTY.lines().filter(|line| !line.is_empty()) {
        let cells: Vec<_> = line.split(" | ").map(str::trim).collect();
        let &[number, what, answer, tests] = &cells[..] else {
            panic!("four cells: {line}")
        };
        assert!(
            numbers.insert(number.parse::<u32>().unwrap()),
            "twice: {line}"
        );
        assert!(!what.is_empty() && !answer.is_empty(), "{line}");
        // A title may have a comma in it, but no file after it.
        let mut named = vec![];
        for part in tests.split(", ") {
            match part.split_once("::") {
                Some((file, name)) => named.push((file, name.to_owned())),
                None => named.last_mut().unwrap().1 += &format!(", {part}"),
            }
        }
        assert!(!named.is_empty(), "{line}");
        for (file, name) in named {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let folder = if file.starts_with("src/") {
                ""
            } else {
                "tests"
            };
            let path = root.join(folder).join(file);
            let text =
                std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
            let there = match file.ends_with(".mjs") {
                true => text
                    .lines()
                    .any(|line| line.contains("test(") && line.contains(&name)),
                false => text.contains(&format!("fn {name}(")),
            };
            assert!(there, "{number}: there is no {name} in {file}");
        }
    }
    assert_eq!(numbers, (1..=40).collect());
}
