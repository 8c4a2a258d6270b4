//! Work that would block the event loop, done on a thread beside it.

use std::cell::{Cell, OnceCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use crate::ops::Failure;

/// Identifies a job to whoever waits for it.
pub(crate) type JobId = u32;

/// What a job yields, in a form that can change threads.
pub(crate) enum Output {
    Nothing,
    Text(String),
    Bytes(Vec<u8>),
}

type Job = Box<dyn FnOnce() -> Result<Output, Failure> + Send>;
pub(crate) type Done = (JobId, Result<Output, Failure>);

/// Runs jobs one after the other on a thread that starts with the first.
pub(crate) struct Worker {
    jobs: OnceCell<Sender<(JobId, Job)>>,
    done_sender: Sender<Done>,
    done: Receiver<Done>,
    next_id: Cell<JobId>,
    open: Cell<usize>,
}

impl Worker {
    pub(crate) fn new() -> Self {
        let (done_sender, done) = mpsc::channel();
        Worker {
            jobs: OnceCell::new(),
            done_sender,
            done,
            next_id: Cell::new(0),
            open: Cell::new(0),
        }
    }

    /// Queues a job.
    pub(crate) fn submit(
        &self,
        job: impl FnOnce() -> Result<Output, Failure> + Send + 'static,
    ) -> JobId {
        let id = self.next_id.get();
        self.next_id.set(id.wrapping_add(1));
        self.open.set(self.open.get() + 1);
        let jobs = self.jobs.get_or_init(|| self.spawn());
        if jobs.send((id, Box::new(job))).is_err() {
            // The thread could not be started.
            let failure = Failure::error("the thread for blocking work is gone");
            // Cannot fail: the receiver is in `self`.
            let _ = self.done_sender.send((id, Err(failure)));
        }
        id
    }

    /// Whether jobs are queued, running or waiting to be taken.
    pub(crate) fn is_busy(&self) -> bool {
        self.open.get() > 0
    }

    /// Takes a finished job, if there is one.
    pub(crate) fn try_take(&self) -> Option<Done> {
        self.taken(self.done.try_recv().ok())
    }

    /// Waits for a job to finish until `deadline`, or as long as it takes.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Option<Done> {
        let done = match deadline {
            Some(deadline) => self
                .done
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
                .ok(),
            None => self.done.recv().ok(),
        };
        self.taken(done)
    }

    fn taken(&self, done: Option<Done>) -> Option<Done> {
        if done.is_some() {
            self.open.set(self.open.get() - 1);
        }
        done
    }

    fn spawn(&self) -> Sender<(JobId, Job)> {
        let (sender, jobs) = mpsc::channel::<(JobId, Job)>();
        let done = self.done_sender.clone();
        // If the thread cannot be had, `jobs` is dropped with the closure, and sending fails.
        let _ = thread::Builder::new()
            .name("pico-blocking".to_owned())
            .spawn(move || {
                for (id, job) in jobs {
                    let result = panic::catch_unwind(AssertUnwindSafe(job))
                        .unwrap_or_else(|_| Err(Failure::error("the operation panicked")));
                    if done.send((id, result)).is_err() {
                        break;
                    }
                }
            });
        sender
    }
}
