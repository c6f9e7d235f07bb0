//! A server's greeting of us.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pilot_fuzz::screen::greeting(input));
