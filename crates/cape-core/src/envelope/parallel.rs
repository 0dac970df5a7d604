use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::crypto::provider::error::Unspecified;

/// Chunks that a thread has to get at least, 4 MiB: with half a millisecond to start one and to wait for
/// it on a busy machine, two threads of 64 chunks took longer than one (`docs/performance.md`).
const CHUNKS_PER_THREAD: usize = 256;

/// Calls `work` for each input, its place and its number, which counts from `first`; on up to
/// `threads` threads, of which the caller's is one, and does the work of those that the system refuses.
/// Returns the lowest number whose work failed.
pub(super) fn for_each<Input: Sync, Place: Send>(
    threads: usize,
    first: u64,
    inputs: &[Input],
    places: &mut [Place],
    work: impl Fn(u64, &Input, &mut Place) -> Result<(), Unspecified> + Sync,
) -> Result<(), u64> {
    let share = inputs.len().div_ceil(threads.max(1)).max(CHUNKS_PER_THREAD);
    let mut begin = first;
    let mut parts = inputs.chunks(share).zip(places.chunks_mut(share)).map(|(inputs, places)| {
        let part = Part { first: begin, inputs, places };
        begin += u64::try_from(share).unwrap_or(u64::MAX);
        part
    });
    let Some(own) = parts.next() else { return Ok(()) };
    let others: Vec<_> = parts.map(|part| Mutex::new(Some(part))).collect();
    let work_on = &|part: &Mutex<Option<Part<'_, _, _>>>| {
        let part = part.lock().unwrap_or_else(PoisonError::into_inner).take();
        part.map_or(Ok(()), |part| part.run(&work))
    };
    thread::scope(|scope| {
        let start = |part| thread::Builder::new().spawn_scoped(scope, move || work_on(part));
        let threads: Vec<_> = others.iter().map(start).collect();
        let own = own.run(&work);
        // In order, so that the lowest number is told whichever thread is done first.
        let verdicts = others.iter().zip(threads).map(|(part, thread)| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => work_on(part),
        });
        verdicts.fold(own, Result::and)
    })
}

/// What one thread does.
struct Part<'a, Input, Place> {
    first: u64,
    inputs: &'a [Input],
    places: &'a mut [Place],
}

impl<Input, Place> Part<'_, Input, Place> {
    fn run(self, work: &impl Fn(u64, &Input, &mut Place) -> Result<(), Unspecified>) -> Result<(), u64> {
        (self.first..)
            .zip(self.inputs.iter().zip(self.places))
            .try_for_each(|(number, (input, place))| work(number, input, place).map_err(|_| number))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn each_input_is_worked_on_once_with_its_number_and_its_place() {
        for threads in [0, 1, 2, 3, 7] {
            for count in [0, 1, 255, 256, 257, 512, 513, 1200] {
                let inputs: Vec<u64> = (0..count).map(|input| input * input).collect();
                let mut places = vec![None; inputs.len()];
                let verdict = for_each(threads, 5, &inputs, &mut places, |number, input, place| {
                    *place = Some((number, *input));
                    Ok(())
                });
                assert_eq!(verdict, Ok(()));
                assert!(places.into_iter().eq((0..count).map(|input| Some((5 + input, input * input)))));
            }
        }
    }

    #[test]
    fn the_lowest_number_that_failed_is_told() {
        let inputs: Vec<u64> = (0..1200).collect();
        let fails = |number, _: &u64, _: &mut ()| if number % 400 == 399 { Err(Unspecified) } else { Ok(()) };
        for threads in [1, 2, 4] {
            assert_eq!(for_each(threads, 0, &inputs, &mut [(); 1200], fails), Err(399));
            assert_eq!(for_each(threads, 1000, &inputs, &mut [(); 1200], fails), Err(1199));
        }
    }

    #[test]
    fn there_are_no_more_threads_than_allowed_and_than_have_enough_to_do() {
        let threads_of = |threads, count| {
            let seen = Mutex::new(HashSet::new());
            for_each(threads, 0, &vec![(); count], &mut vec![(); count], |_, (), ()| {
                seen.lock().unwrap().insert(thread::current().id());
                Ok(())
            })
            .unwrap();
            seen.into_inner().unwrap().len()
        };
        assert_eq!(threads_of(1, 1000), 1);
        assert_eq!(threads_of(4, CHUNKS_PER_THREAD), 1);
        assert_eq!(threads_of(4, 2 * CHUNKS_PER_THREAD), 2);
        assert_eq!(threads_of(4, 100 * CHUNKS_PER_THREAD), 4);
    }
}
