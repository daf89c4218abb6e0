//! Servers that do not know every form in which a job can be asked for.

use crate::conversation::*;
use gearman_core::ReturnCode;
use gearman_core::protocol::message::Update;

/// What Perl's Gearman::Server says to a command that it does not know.
fn unknown_command() -> Packet {
    ERROR.with("server_error\0Can't locate object method \"CMD_\" via package \"Gearman::Server::Client\"")
}

/// It knows GRAB_JOB alone, and says so in small letters: a worker waited for its answer for ever.
#[test]
fn a_server_that_knows_one_form_is_asked_in_that() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.expect(OPTION_REQ, "exceptions").await;
            server.expect(OPTION_REQ, "attempts").await;
            server.expect(OPTION_REQ, "cancel-notices").await;
            server.expect(CAN_DO, "f").await;
            server.expect(OPTION_REQ, "all-yours").await;
            server.expect(GRAB_JOB_ALL, "").await;
            server.reply(OPTION_RES, "exceptions").await;
            for _ in ["attempts", "cancel-notices", "all-yours"] {
                server.reply(ERROR, "unknown_option\0").await;
            }
            server.reply_at_once(&[unknown_command()]).await;
            server.expect(GRAB_JOB_UNIQ, "").await;
            server.reply_at_once(&[unknown_command()]).await;
            server.expect(GRAB_JOB, "").await;
            server.no_job().await;
            server.reply(NOOP, "").await;
            server.expect(GRAB_JOB, "").await;
            server.reply(JOB_ASSIGN, "H:x:1\0f\0w").await;
            // Nor does it know parts of results. It says so when the next job is asked for, and means that no more.
            server.expect(WORK_DATA, "H:x:1\0part").await;
            server.done("H:x:1").await;
            server.expect(GRAB_JOB, "").await;
            server.reply_at_once(&[unknown_command(), NO_JOB.with("")]).await;
            server.expect(PRE_SLEEP, "").await;
            server.reply(NOOP, "").await;
            server.expect(GRAB_JOB, "").await;
            server.reply(JOB_ASSIGN, "H:x:2\0f\0w").await;
            server
        },
        async |worker| {
            worker.want_exceptions();
            (worker.notices, worker.classic) = (true, false);
            let mut job = worker.next_job(None).await.unwrap();
            assert_eq!((&job.handle[..], &job.unique[..]), (&b"H:x:1"[..], &b""[..]));
            worker.send(&mut job, Update::Data(b"part")).unwrap();
            worker.send(&mut job, Update::Complete(b"r")).unwrap();
            assert_eq!(next(worker).await, "H:x:2");
        },
    );
}

#[test]
fn a_server_that_knows_none_is_of_no_use_to_a_worker() {
    worker_meets(
        async |script| {
            let mut server = script.conversation().await;
            server.expect(CAN_DO, "f").await;
            for form in [GRAB_JOB_ALL, GRAB_JOB_UNIQ, GRAB_JOB] {
                server.expect(form, "").await;
                server.reply_at_once(&[unknown_command()]).await;
            }
            server.ended().await;
        },
        async |worker| {
            let error = worker.next_job(None).await.unwrap_err();
            assert_eq!(error.code(), ReturnCode::UnexpectedPacket);
            assert!(error.to_string().contains("it gives no jobs: Can\\'t locate object method"), "{error}");
        },
    );
}
