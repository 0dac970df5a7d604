use core::hint::black_box;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Chunks that a thread has to get at least, 4 MiB: with half a millisecond to start one and to wait for
/// it on a busy machine, two threads of 64 chunks took longer than one (`docs/performance.md`).
pub(super) const CHUNKS_PER_THREAD: usize = 256;

/// Bytes of addresses that a thread may take before it works: 2 MiB for its stack, and with glibc 64 MiB for
/// what it allocates.
const ROOM_OF_THREAD: usize = 72 << 20;

/// Calls `work` for each input, its place and its number, which counts from `first`; on up to
/// `threads` threads, of which the caller's is one and each gets `at_least` inputs, and does the work of
/// those that the system refuses. A thread keeps one `Scratch` for all of its work. Returns the error of
/// the lowest number whose work failed.
pub(super) fn for_each<Scratch: Default, Input: Sync, Place: Send, Error: Send>(
    threads: usize,
    at_least: usize,
    first: u64,
    inputs: &[Input],
    places: &mut [Place],
    work: impl Fn(&mut Scratch, u64, &Input, &mut Place) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let share = inputs.len().div_ceil(threads.max(1)).max(at_least);
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
    let may_start = others.is_empty() || is_room_for(others.len());
    thread::scope(|scope| {
        let start = |part| match may_start {
            true => thread::Builder::new().spawn_scoped(scope, move || work_on(part)),
            false => Err(io::ErrorKind::OutOfMemory.into()),
        };
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

/// Whether there is room for so many threads. glibc ends the process when a thread was started and finds
/// none for its own variables.
fn is_room_for(threads: usize) -> bool {
    let mut room = Vec::<u8>::new();
    let is_there = room.try_reserve_exact(threads.saturating_mul(ROOM_OF_THREAD)).is_ok();
    // It is asked for, though nothing is done with it; pages that nobody touches cost nothing.
    black_box(&mut room);
    is_there
}

/// What one thread does.
struct Part<'a, Input, Place> {
    first: u64,
    inputs: &'a [Input],
    places: &'a mut [Place],
}

impl<Input, Place> Part<'_, Input, Place> {
    fn run<Scratch: Default, Error>(
        self,
        work: &impl Fn(&mut Scratch, u64, &Input, &mut Place) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut scratch = Scratch::default();
        (self.first..)
            .zip(self.inputs.iter().zip(self.places))
            .try_for_each(|(number, (input, place))| work(&mut scratch, number, input, place))
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
                let put = |(): &mut (), number, input: &u64, place: &mut _| {
                    *place = Some((number, *input));
                    Ok::<_, ()>(())
                };
                assert_eq!(for_each(threads, 256, 5, &inputs, &mut places, put), Ok(()));
                assert!(places.into_iter().eq((0..count).map(|input| Some((5 + input, input * input)))));
            }
        }
    }

    #[test]
    fn the_lowest_number_that_failed_is_told() {
        let inputs: Vec<u64> = (0..1200).collect();
        let fails = |(): &mut (), number, _: &u64, (): &mut ()| {
            if number % 400 == 399 { Err(number) } else { Ok(()) }
        };
        for threads in [1, 2, 4] {
            assert_eq!(for_each(threads, 256, 0, &inputs, &mut [(); 1200], fails), Err(399));
            assert_eq!(for_each(threads, 256, 1000, &inputs, &mut [(); 1200], fails), Err(1199));
        }
    }

    #[test]
    fn there_are_no_more_threads_than_allowed_and_than_have_enough_to_do() {
        let threads_of = |threads, count| {
            let seen = Mutex::new(HashSet::new());
            let see = |(): &mut (), _, (): &(), (): &mut ()| {
                seen.lock().unwrap().insert(thread::current().id());
                Ok::<_, ()>(())
            };
            for_each(threads, 10, 0, &vec![(); count], &mut vec![(); count], see).unwrap();
            seen.into_inner().unwrap().len()
        };
        assert_eq!(threads_of(1, 1000), 1);
        assert_eq!(threads_of(4, 10), 1);
        assert_eq!(threads_of(4, 20), 2);
        assert_eq!(threads_of(4, 1000), 4);
    }
}
