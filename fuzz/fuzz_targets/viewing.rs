//! What a desktop's server says behind its greeting, shown to a page.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pilot_fuzz::screen::viewing(input));
