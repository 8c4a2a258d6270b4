//! When which timer is due. What it then does is JavaScript's matter.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// Identifies a timer to JavaScript.
pub(crate) type TimerId = u32;

/// By deadline, and in order of creation where that is equal.
type Key = (Instant, u64);

/// The timers of a runtime.
///
/// Deadlines count from the time at which the loop's turn began, not from the call: timers set in one turn with equal
/// delays fire in the order they were set, however slow the machine.
pub(crate) struct Timers {
    now: Instant,
    next_key: u64,
    next_id: TimerId,
    queue: BTreeMap<Key, TimerId>,
    active: HashMap<TimerId, (Key, Option<Duration>)>,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Timers {
            now: Instant::now(),
            next_key: 0,
            next_id: 1,
            queue: BTreeMap::new(),
            active: HashMap::new(),
        }
    }

    /// Begins a turn of the loop.
    pub(crate) fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    /// Starts a timer that fires once, or over and over.
    pub(crate) fn start(&mut self, delay: Duration, repeat: bool) -> TimerId {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1).max(1);
        self.enqueue(id, delay, repeat.then_some(delay));
        id
    }

    /// Forgets a timer; it need not exist.
    pub(crate) fn stop(&mut self, id: TimerId) {
        if let Some((key, _)) = self.active.remove(&id) {
            self.queue.remove(&key);
        }
    }

    /// Marks the end of the timers that may fire in this turn: those started from now on wait for the next.
    pub(crate) fn mark(&self) -> u64 {
        self.next_key
    }

    /// Takes the next timer that is due and was started before `mark`.
    pub(crate) fn take_due(&mut self, mark: u64) -> Option<TimerId> {
        let (&key, &id) = self
            .queue
            .range(..=(self.now, u64::MAX))
            .find(|((_, number), _)| *number < mark)?;
        self.queue.remove(&key);
        if let Some((_, Some(period))) = self.active.remove(&id) {
            // At least a millisecond, or a period of 0 keeps the loop busy.
            self.enqueue(id, period.max(Duration::from_millis(1)), Some(period));
        }
        Some(id)
    }

    /// When the next timer is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.queue.keys().next().map(|(deadline, _)| *deadline)
    }

    fn enqueue(&mut self, id: TimerId, delay: Duration, repeat: Option<Duration>) {
        let key = (self.now + delay, self.next_key);
        self.next_key += 1;
        self.queue.insert(key, id);
        self.active.insert(id, (key, repeat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn due(timers: &mut Timers) -> Vec<TimerId> {
        let mark = timers.mark();
        std::iter::from_fn(|| timers.take_due(mark)).collect()
    }

    #[test]
    fn fire_by_deadline_then_by_age() {
        let mut timers = Timers::new();
        let start = timers.now;
        let late = timers.start(MS * 20, false);
        let first = timers.start(MS * 10, false);
        let second = timers.start(MS * 10, false);
        assert_eq!(timers.next_deadline(), Some(start + MS * 10));
        assert_eq!(due(&mut timers), []);
        timers.set_now(start + MS * 15);
        assert_eq!(due(&mut timers), [first, second]);
        timers.set_now(start + MS * 20);
        assert_eq!(due(&mut timers), [late]);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn stopped_timers_do_not_fire() {
        let mut timers = Timers::new();
        let id = timers.start(Duration::ZERO, false);
        timers.stop(id);
        timers.stop(id);
        assert_eq!(due(&mut timers), []);
    }

    #[test]
    fn intervals_come_again_but_not_in_the_same_turn() {
        let mut timers = Timers::new();
        let start = timers.now;
        let id = timers.start(Duration::ZERO, true);
        assert_eq!(due(&mut timers), [id]);
        timers.set_now(start + MS);
        assert_eq!(due(&mut timers), [id]);
        timers.stop(id);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn timers_set_while_firing_wait_for_the_next_turn() {
        let mut timers = Timers::new();
        timers.start(Duration::ZERO, false);
        let mark = timers.mark();
        assert!(timers.take_due(mark).is_some());
        timers.start(Duration::ZERO, false);
        assert_eq!(timers.take_due(mark), None);
    }
}
