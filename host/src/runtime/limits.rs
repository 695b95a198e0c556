//! What one call may use, and the counters that hold it to that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::ResourceLimiter;

use super::engine::TICK;
use super::error::{CpuSpent, LimitHit};
use crate::domain::plugin::{Limits, Operation};

/// Core instances in one component: main module, adapters and shims are about five.
pub(crate) const CORE_INSTANCES_MAX: u32 = 32;
/// Linear memories in one component. Two-language components have two.
pub(crate) const MEMORIES_MAX: u32 = 4;
/// Tables in one component.
pub(crate) const TABLES_MAX: u32 = 16;
/// Elements of one table: interpreters of JavaScript and Python have up to twenty thousand functions.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Handles to WASI's stub resources at one time.
pub(crate) const HANDLES_MAX: usize = 256;

/// The total over all memories and tables of a store; wasmtime's own limiter counts each memory alone.
#[derive(Debug)]
pub(crate) struct SpaceLimiter {
    memory_bytes: u64,
    memory_bytes_max: u64,
    memory_bytes_peak: u64,
    refused: Option<&'static str>,
}

impl SpaceLimiter {
    pub(crate) fn new(memory_bytes_max: u64) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max: memory_bytes_max.min(Limits::MEMORY_BYTES_CEILING),
            memory_bytes_peak: 0,
            refused: None,
        }
    }

    pub(crate) const fn peak_bytes(&self) -> u64 {
        self.memory_bytes_peak
    }

    /// What was asked for beyond the limit. A guest that lives on after a refusal did nothing wrong; one that then traps
    /// died of it.
    pub(crate) const fn refused(&self) -> Option<&'static str> {
        self.refused
    }
}

impl ResourceLimiter for SpaceLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current) as u64);
        if total > self.memory_bytes_max {
            self.refused = Some("memory");
            return Ok(false);
        }
        self.memory_bytes = total;
        self.memory_bytes_peak = self.memory_bytes_peak.max(total);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= TABLE_ELEMENTS_MAX;
        if !allowed {
            self.refused = Some("table elements");
        }
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }
}

/// Counts what a call uses besides space.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    clock: Arc<AtomicU64>,
    cpu_ticks: u64,
    cpu_ticks_max: u64,
    waited: bool,
    host_calls: u32,
    requests: u32,
    transfer_bytes: u64,
    log_lines: u32,
    log_lines_dropped: u32,
}

impl Meter {
    pub(crate) fn new(limits: Limits, operation: Operation, clock: Arc<AtomicU64>) -> Self {
        let cpu_ticks_max = limits.cpu(operation).as_millis().div_ceil(TICK.as_millis());
        Self {
            limits,
            clock,
            cpu_ticks: 0,
            cpu_ticks_max: u64::try_from(cpu_ticks_max).unwrap_or(u64::MAX).max(1),
            waited: false,
            host_calls: 0,
            requests: 0,
            transfer_bytes: 0,
            log_lines: 0,
            log_lines_dropped: 0,
        }
    }

    /// Called by the epoch while guest code runs, at most once per tick: callbacks are counted, not the time that passed, so a
    /// guest pays neither for waiting nor for a busy machine.
    pub(crate) fn tick(&mut self) -> Result<(), CpuSpent> {
        if std::mem::take(&mut self.waited) {
            return Ok(());
        }
        self.cpu_ticks += 1;
        if self.cpu_ticks > self.cpu_ticks_max { Err(CpuSpent) } else { Ok(()) }
    }

    /// The time now, to be handed to [`Meter::waited_since`] after a wait.
    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// Re-arms the deadline after a host call that waited: the epoch moved meanwhile, which costs the guest nothing.
    pub(crate) fn waited_since(&mut self, start: u64) {
        self.waited |= self.now() != start;
    }

    /// One more host call, handing over so many bytes.
    pub(crate) fn host_call(&mut self, bytes: u64) -> Result<(), LimitHit> {
        self.host_calls = self.host_calls.saturating_add(1);
        if self.host_calls > self.limits.host_calls {
            return Err(LimitHit("host calls"));
        }
        if bytes > self.limits.host_call_bytes {
            return Err(LimitHit("bytes in one host call"));
        }
        Ok(())
    }

    /// One more request.
    pub(crate) fn request(&mut self) -> Result<(), LimitHit> {
        if self.requests >= self.limits.requests {
            return Err(LimitHit("requests"));
        }
        self.requests += 1;
        Ok(())
    }

    /// So many bytes cross the boundary.
    pub(crate) fn transfer(&mut self, bytes: u64) -> Result<(), LimitHit> {
        let total = self.transfer_bytes.saturating_add(bytes);
        if total > self.limits.transfer_bytes {
            return Err(LimitHit("transferred bytes"));
        }
        self.transfer_bytes = total;
        Ok(())
    }

    /// Whether one more log line is kept.
    pub(crate) fn log_line(&mut self) -> bool {
        let kept = self.log_lines < self.limits.log_lines;
        if kept {
            self.log_lines += 1;
        } else {
            self.log_lines_dropped = self.log_lines_dropped.saturating_add(1);
        }
        kept
    }

    /// What was used, but for wall time and memory.
    pub(crate) fn usage(&self) -> super::report::Usage {
        super::report::Usage {
            cpu: TICK * u32::try_from(self.cpu_ticks).unwrap_or(u32::MAX),
            host_calls: self.host_calls,
            requests: self.requests,
            transfer_bytes: self.transfer_bytes,
            log_lines: self.log_lines,
            log_lines_dropped: self.log_lines_dropped,
            wall: Duration::ZERO,
            memory_peak_bytes: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(limits: Limits, operation: Operation) -> Meter {
        Meter::new(limits, operation, Arc::new(AtomicU64::new(0)))
    }

    #[test]
    fn memory_is_counted_over_all_memories() {
        let mut limiter = SpaceLimiter::new(128 << 10);
        assert!(limiter.memory_growing(0, 64 << 10, None).unwrap());
        assert!(limiter.memory_growing(0, 64 << 10, None).unwrap());
        assert_eq!(limiter.refused(), None);
        assert!(!limiter.memory_growing(64 << 10, 128 << 10, None).unwrap());
        assert_eq!((limiter.refused(), limiter.peak_bytes()), (Some("memory"), 128 << 10));
    }

    #[test]
    fn a_grant_cannot_exceed_the_pool() {
        let limiter = SpaceLimiter::new(u64::MAX);
        assert_eq!(limiter.memory_bytes_max, Limits::MEMORY_BYTES_CEILING);
    }

    #[test]
    fn processor_time_ends_after_its_ticks() {
        let mut meter = meter(Limits::default(), Operation::Describe);
        for _ in 0..10 {
            meter.tick().unwrap();
        }
        assert!(meter.tick().is_err());
    }

    #[test]
    fn waiting_costs_no_processor_time() {
        let clock = Arc::new(AtomicU64::new(7));
        let mut meter = Meter::new(Limits::default(), Operation::Verify, Arc::clone(&clock));
        let start = meter.now();
        clock.store(900, Ordering::Relaxed);
        meter.waited_since(start);
        meter.tick().unwrap();
        assert_eq!(meter.usage().cpu, Duration::ZERO);
        meter.tick().unwrap();
        assert_eq!(meter.usage().cpu, TICK);
    }

    #[test]
    fn a_host_call_within_one_tick_forgives_nothing() {
        let mut meter = meter(Limits::default(), Operation::Verify);
        let start = meter.now();
        meter.waited_since(start);
        meter.tick().unwrap();
        assert_eq!(meter.usage().cpu, TICK);
    }

    #[test]
    fn each_budget_holds_to_its_last_unit() {
        let limits = Limits {
            requests: 1,
            host_calls: 2,
            host_call_bytes: 10,
            transfer_bytes: 10,
            log_lines: 1,
            ..Limits::default()
        };
        let mut meter = meter(limits, Operation::Apply);
        meter.request().unwrap();
        assert_eq!(meter.request(), Err(LimitHit("requests")));
        meter.host_call(10).unwrap();
        assert_eq!(meter.host_call(11), Err(LimitHit("bytes in one host call")));
        assert_eq!(meter.host_call(0), Err(LimitHit("host calls")));
        meter.transfer(10).unwrap();
        assert_eq!(meter.transfer(1), Err(LimitHit("transferred bytes")));
        assert!(meter.log_line());
        assert!(!meter.log_line());
        assert_eq!(meter.usage().log_lines_dropped, 1);
    }
}
