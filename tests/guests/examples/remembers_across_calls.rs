//! Keeps things in globals and on the heap, and searches all of its memory for what an earlier call left.

use std::sync::atomic::{AtomicU32, Ordering};

use keyferry_test_guests::*;

struct RemembersAcrossCalls;

impl Behaviour for RemembersAcrossCalls {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        let found = traces_of_earlier_calls();
        let mark: Vec<u8> = DISGUISED.iter().map(|byte| byte ^ DISGUISE).collect();
        for _ in 0..1000 {
            std::mem::forget(std::hint::black_box(mark.clone()));
        }
        Ok(account(format!("calls={calls} found={found}")))
    }
}

static CALLS: AtomicU32 = AtomicU32::new(0);

const DISGUISE: u8 = 0x5a;
/// The mark, so written that the mark itself stands nowhere in the component.
const DISGUISED: [u8; 16] = *b"\x19\x1b\x14\x1b\x08\x03\x77\x69\x38\x63\x3c\x6d\x3e\x6b\x3f\x6f";

fn traces_of_earlier_calls() -> usize {
    let bytes = core::arch::wasm32::memory_size(0) * 65_536;
    // Safety: linear memory is readable from 1 to its size; address 0 is left out because it is Rust's null.
    let memory = unsafe { core::slice::from_raw_parts(core::ptr::without_provenance::<u8>(1), bytes - 1) };
    let is_mark = |window: &[u8]| window.iter().zip(DISGUISED).all(|(byte, disguised)| *byte == disguised ^ DISGUISE);
    memory.windows(DISGUISED.len()).filter(|window| is_mark(window)).count()
}

keyferry_test_guests::guest!(RemembersAcrossCalls);
