//! A recording that anybody may have written.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pilot_fuzz::screen::recording(input));
