//! Answers as the vendors stream them, in pieces of every size.

use super::*;

fn usage(input: u64, output: u64, read: u64, write: u64) -> Usage {
    Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: read,
        cache_write_tokens: write,
        cost_micros: None,
    }
}

/// The usage is the same however the bytes are cut up.
#[track_caller]
fn check(dialect: Dialect, form: Form, answer: &str, expected: Usage, settled: bool) {
    for piece in [1, 7, 64, answer.len()] {
        let mut meter = Meter::new(dialect, form);
        for bytes in answer.as_bytes().chunks(piece) {
            meter.feed(bytes);
        }
        meter.finish();
        assert_eq!(meter.tally().usage, expected, "in pieces of {piece} bytes");
        assert_eq!(meter.settled(), settled, "in pieces of {piece} bytes");
        assert_eq!(meter.model(), Some("m"), "in pieces of {piece} bytes");
    }
}

const ANTHROPIC: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":12,"cache_creation_input_tokens":30,"cache_read_input_tokens":200,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":1}}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello, world"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}

"#;

#[test]
fn anthropic_says_the_input_first_and_the_output_last() {
    let end = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":\
        {\"output_tokens\":80}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let answer = format!("{ANTHROPIC}{end}");
    check(Dialect::Anthropic, Form::Events, &answer, usage(12, 80, 200, 30), true);
    let crlf = answer.replace('\n', "\r\n");
    check(Dialect::Anthropic, Form::Events, &crlf, usage(12, 80, 200, 30), true);
    let whole = r#"{"type":"message","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":2}}"#;
    check(Dialect::Anthropic, Form::Whole, whole, usage(1, 2, 0, 0), true);

    let mut meter = Meter::new(Dialect::Anthropic, Form::Events);
    meter.feed(answer.as_bytes());
    assert_eq!(meter.tally().hour_writes, 20, "they cost more than the others");
}

#[test]
fn what_was_written_is_estimated_until_it_is_said() {
    // 12 + 7 bytes of text are five tokens.
    check(Dialect::Anthropic, Form::Events, ANTHROPIC, usage(12, 5, 200, 30), false);
    let mut meter = Meter::new(Dialect::Responses, Form::Events);
    meter.feed(b"data: {\"type\":\"response.output_text.delta\",\"delta\":\"12345678\"}\n\n");
    assert_eq!(meter.tally().usage, usage(0, 2, 0, 0), "what was read is not known yet");
    assert_eq!(meter.final_tally(401).usage, usage(101, 2, 0, 0), "nor will it ever be");
    let most = meter.final_tally(u64::MAX).usage.input_tokens;
    assert_eq!(most, 200_000, "a picture is not text");
}

#[test]
fn openai_counts_what_was_cached_as_read() {
    let stream = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":\
        {\"model\":\"m\",\"status\":\"in_progress\",\"usage\":null}}\n\nevent: response.completed\n\
        data: {\"type\":\"response.completed\",\"response\":{\"model\":\"m\",\"usage\":\
        {\"input_tokens\":1500,\"input_tokens_details\":{\"cached_tokens\":300},\
        \"output_tokens\":80,\"total_tokens\":1580}}}\n\n";
    check(Dialect::Responses, Form::Events, stream, usage(1200, 80, 300, 0), true);
    let chat = "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\n\n\
        data: {\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":3,\
        \"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\ndata: [DONE]\n\n";
    check(Dialect::Chat, Form::Events, chat, usage(6, 3, 4, 0), true);
    let silent = "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"12345\",\
        \"tool_calls\":[{\"function\":{\"arguments\":\"678\"}}]}}]}\n\ndata: [DONE]\n\n";
    check(Dialect::Chat, Form::Events, silent, usage(0, 2, 0, 0), false);
}

#[test]
fn the_end_of_an_event_that_is_too_long_to_keep_is_enough() {
    let text = "x".repeat(3 * LONGEST);
    let stream = format!(
        "data: {{\"type\":\"response.created\",\"response\":{{\"model\":\"m\"}}}}\n\n\
        data: {{\"type\":\"response.completed\",\"response\":{{\"output\":[\"{text}\"],\"usage\":\
        {{\"input_tokens\":7,\"output_tokens\":5}},\"user\":null}}}}\n\n"
    );
    let mut meter = Meter::new(Dialect::Responses, Form::Events);
    for bytes in stream.as_bytes().chunks(16 * 1024) {
        meter.feed(bytes);
        assert!(meter.line.capacity() <= 4 * LONGEST, "memory is bounded");
    }
    assert_eq!(meter.tally().usage, usage(7, 5, 0, 0));
    assert!(meter.settled());
}

#[test]
fn gemini_says_it_anew_with_each_piece() {
    let stream = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}]}}],\
        \"modelVersion\":\"m\",\"usageMetadata\":{\"promptTokenCount\":100,\
        \"cachedContentTokenCount\":40,\"candidatesTokenCount\":1}}\n\n\
        data: {\"modelVersion\":\"m\",\"usageMetadata\":{\"promptTokenCount\":100,\
        \"cachedContentTokenCount\":40,\"candidatesTokenCount\":20,\"thoughtsTokenCount\":30}}\n\n";
    check(Dialect::Gemini, Form::Events, stream, usage(60, 50, 40, 0), true);
    let array = "[{\"modelVersion\":\"m\",\"usageMetadata\":{\"promptTokenCount\":9}},\n\
        {\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":2}}]";
    check(Dialect::Gemini, Form::Whole, array, usage(9, 2, 0, 0), true);
}

#[test]
fn ollama_says_it_in_its_last_line() {
    let stream = "{\"model\":\"m\",\"message\":{\"content\":\"hello there\"},\"done\":false}\n\
        {\"model\":\"m\",\"message\":{\"content\":\"\"},\"done\":true,\"prompt_eval_count\":26,\
        \"eval_count\":298}\n";
    check(Dialect::Ollama, Form::Lines, stream, usage(26, 298, 0, 0), true);
}

#[test]
fn an_answer_that_is_not_what_it_should_be_costs_nothing_to_read() {
    for answer in ["", "\n\n\n", "data: {", "data: null\n\n", "\u{0}\u{1}\n", "data: 7\n\n", "[]"] {
        for form in [Form::Events, Form::Lines, Form::Whole] {
            let mut meter = Meter::new(Dialect::Anthropic, form);
            meter.feed(answer.as_bytes());
            meter.finish();
            assert_eq!(meter.tally(), Tally::default(), "{answer:?} as {form:?}");
        }
    }
}

#[test]
fn a_stream_is_cut_between_two_events() {
    let mut meter = Meter::new(Dialect::Anthropic, Form::Events);
    assert_eq!(meter.feed(b"event: x\ndata: {}\n"), None, "the event has not ended");
    assert_eq!(meter.feed(b"\nevent: y\nda"), Some(1));
    assert_eq!(meter.feed(b"ta: {}\n\nevent: z\n\nevent"), Some(18));
    let mut meter = Meter::new(Dialect::Ollama, Form::Lines);
    assert_eq!(meter.feed(b"{}\n{}\n{"), Some(6));
}
