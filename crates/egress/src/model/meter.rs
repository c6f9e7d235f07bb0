//! Reads what a call used beside the bytes of its answer, which it never
//! changes. Keeps numbers and the model's name, nothing that was said.
//!
//! Of a line or body longer than [`LONGEST`] only the end is kept, where every
//! vendor puts the usage.

use super::price::Tally;
use memchr::memmem;
use pilot_proto::model::Dialect;
use pilot_proto::run::Usage;
use serde_json::Value;

/// More than any event but the last of a long Responses stream, which repeats
/// the whole answer; from that the end is enough.
const LONGEST: usize = 1024 * 1024;
/// A usage object has some 500 bytes.
const TAIL: usize = 16 * 1024;
/// Bytes of text in a token, for estimates: the vendors' own rule of thumb for
/// English. Code has fewer, so an estimate is rather too low.
const BYTES_PER_TOKEN: u64 = 4;
/// No estimate of what was read goes above the usual context window: bytes of
/// pictures are not text.
const MOST_GUESSED_INPUT: u64 = 200_000;

/// How an answer is cut into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `text/event-stream`.
    Events,
    /// A JSON object on each line.
    Lines,
    /// One JSON document.
    Whole,
}

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct Meter {
    dialect: Dialect,
    form: Form,
    line: Vec<u8>,
    /// The beginning of the line is gone.
    cut: bool,
    seen: Seen,
}

/// What the answer has said so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    model: Option<String>,
    input: Option<u64>,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    hour_writes: u64,
    /// Of text, thoughts and arguments of tools.
    text_bytes: u64,
    /// The usage is known, not estimated.
    settled: bool,
    /// The answer is complete but for the words that end it.
    done: bool,
    /// The provider reported an error in the stream.
    failed: bool,
}

impl Meter {
    pub(crate) fn new(dialect: Dialect, form: Form) -> Self {
        Self { dialect, form, line: Vec::new(), cut: false, seen: Seen::default() }
    }

    /// Looks at the next bytes. Returns where in them the last complete event
    /// ends: there a stream can be cut off.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.form == Form::Whole {
            self.keep(bytes);
            return None;
        }
        let mut start = 0;
        let mut border = None;
        for end in memchr::memchr_iter(b'\n', bytes) {
            self.keep(&bytes[start..end]);
            if self.end_line() {
                border = Some(end + 1);
            }
            start = end + 1;
        }
        self.keep(&bytes[start..]);
        border
    }

    /// The answer has ended properly.
    pub(crate) fn finish(&mut self) {
        self.end_line();
        // Gemini says the usage anew with each piece, and nothing marks the last.
        let spoken = self.dialect == Dialect::Gemini && self.seen.input.is_some();
        self.seen.settled |= spoken && !self.seen.failed;
    }

    pub(crate) fn model(&self) -> Option<&str> {
        self.seen.model.as_deref()
    }

    /// Its usage is known, not estimated.
    pub(crate) fn settled(&self) -> bool {
        self.seen.settled
    }

    /// All was written: there is nothing left to save by cutting it off.
    pub(crate) fn done(&self) -> bool {
        self.seen.done
    }

    /// The provider reported an error in the stream.
    pub(crate) fn failed(&self) -> bool {
        self.seen.failed
    }

    /// What the call has used, were it to end now: what was said, and for the
    /// output at least a token for every [`BYTES_PER_TOKEN`] bytes of text. What
    /// was read counts only when the answer has said it.
    pub(crate) fn tally(&self) -> Tally {
        let seen = &self.seen;
        let written = seen.text_bytes.div_ceil(BYTES_PER_TOKEN);
        let output = if seen.settled { seen.output } else { seen.output.max(written) };
        let usage = Usage {
            input_tokens: seen.input.unwrap_or_default(),
            output_tokens: output,
            cache_read_tokens: seen.cache_read,
            cache_write_tokens: seen.cache_write,
            cost_micros: None,
        };
        Tally { usage, hour_writes: seen.hour_writes }
    }

    /// The same for a call that ended before it said what it had read: a token
    /// for every [`BYTES_PER_TOKEN`] bytes of the request.
    pub(crate) fn final_tally(&self, request_bytes: u64) -> Tally {
        let mut tally = self.tally();
        if self.seen.input.is_none() && !self.seen.settled {
            let guess = request_bytes.div_ceil(BYTES_PER_TOKEN).min(MOST_GUESSED_INPUT);
            tally.usage.input_tokens = guess;
        }
        tally
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.line.extend_from_slice(bytes);
        if self.line.len() > LONGEST {
            self.line.drain(..self.line.len() - TAIL);
            self.cut = true;
        }
    }

    /// Reads the line. True if an event ends with it.
    fn end_line(&mut self) -> bool {
        let mut line = std::mem::take(&mut self.line);
        let cut = std::mem::take(&mut self.cut);
        let text = line.strip_suffix(b"\r").unwrap_or(&line);
        let ends = text.is_empty() || self.form == Form::Lines;
        let value = if self.form == Form::Events && !cut {
            text.strip_prefix(b"data:").unwrap_or_default()
        } else {
            text
        };
        if cut {
            self.read_tail(value);
        } else if let Ok(value) = serde_json::from_slice::<Value>(value) {
            self.seen.read(self.dialect, &value);
        }
        // The next line is about as long: its room is kept, if it is not much.
        line.clear();
        line.shrink_to(TAIL);
        self.line = line;
        ends
    }

    fn read_tail(&mut self, tail: &[u8]) {
        let key: &[u8] = match self.dialect {
            Dialect::Gemini => b"\"usageMetadata\":",
            Dialect::Anthropic | Dialect::Responses | Dialect::Chat => b"\"usage\":",
            // Their numbers stand in the line itself, which is never so long.
            Dialect::Ollama | Dialect::Unknown => return,
        };
        let Some(at) = memmem::rfind(tail, key) else { return };
        let rest = &tail[at + key.len()..];
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Value>();
        if let Some(Ok(usage)) = values.next() {
            self.seen.usage(self.dialect, &usage);
            self.seen.settled = true;
        }
    }
}

impl Seen {
    fn read(&mut self, dialect: Dialect, value: &Value) {
        match dialect {
            Dialect::Anthropic => self.anthropic(value),
            Dialect::Responses => self.responses(value),
            Dialect::Chat => self.chat(value),
            Dialect::Gemini => self.gemini(value),
            Dialect::Ollama => self.ollama(value),
            Dialect::Unknown => {}
        }
    }

    /// Counters are cumulative in every dialect: the highest is the last.
    fn usage(&mut self, dialect: Dialect, usage: &Value) {
        let number = |path: &str| usage.pointer(path).and_then(Value::as_u64);
        let of = |path: &str| number(path).unwrap_or_default();
        let (input, cached, output) = match dialect {
            Dialect::Anthropic => {
                self.cache_write = self.cache_write.max(of("/cache_creation_input_tokens"));
                let hour = of("/cache_creation/ephemeral_1h_input_tokens");
                self.hour_writes = self.hour_writes.max(hour);
                (number("/input_tokens"), of("/cache_read_input_tokens"), of("/output_tokens"))
            }
            Dialect::Responses => {
                let cached = of("/input_tokens_details/cached_tokens");
                (less(number("/input_tokens"), cached), cached, of("/output_tokens"))
            }
            Dialect::Chat => {
                let cached = of("/prompt_tokens_details/cached_tokens");
                (less(number("/prompt_tokens"), cached), cached, of("/completion_tokens"))
            }
            Dialect::Gemini => {
                let cached = of("/cachedContentTokenCount");
                let read = number("/promptTokenCount")
                    .map(|tokens| tokens.saturating_add(of("/toolUsePromptTokenCount")));
                let written = of("/candidatesTokenCount") + of("/thoughtsTokenCount");
                (less(read, cached), cached, written)
            }
            Dialect::Ollama | Dialect::Unknown => return,
        };
        self.input = self.input.max(input);
        self.cache_read = self.cache_read.max(cached);
        self.output = self.output.max(output);
    }

    fn anthropic(&mut self, value: &Value) {
        match value["type"].as_str() {
            Some("message_start") => {
                self.name(&value["message"]["model"]);
                self.usage(Dialect::Anthropic, &value["message"]["usage"]);
            }
            Some("content_block_delta") => {
                for field in ["text", "thinking", "partial_json"] {
                    self.wrote(&value["delta"][field]);
                }
            }
            Some("message_delta") => {
                self.usage(Dialect::Anthropic, &value["usage"]);
                self.settled = value["usage"].is_object();
                self.done = true;
            }
            Some("message") => {
                self.name(&value["model"]);
                self.usage(Dialect::Anthropic, &value["usage"]);
                self.settled = value["usage"].is_object();
            }
            Some("error") => self.failed = true,
            Some(_) | None => {}
        }
    }

    fn responses(&mut self, value: &Value) {
        // An event wraps the response; an answer in one piece is it.
        let response = if value["response"].is_object() { &value["response"] } else { value };
        self.name(&response["model"]);
        if response["usage"].is_object() {
            self.usage(Dialect::Responses, &response["usage"]);
            self.settled = true;
            self.done = true;
        }
        let kind = value["type"].as_str().unwrap_or_default();
        self.failed |= matches!(kind, "response.failed" | "error");
        if kind.ends_with(".delta") {
            self.wrote(&value["delta"]);
        }
    }

    fn chat(&mut self, value: &Value) {
        self.name(&value["model"]);
        self.failed |= value["error"].is_object();
        for choice in value["choices"].as_array().into_iter().flatten() {
            self.wrote(&choice["text"]);
            for field in ["content", "reasoning_content", "reasoning"] {
                self.wrote(&choice["delta"][field]);
            }
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                self.wrote(&call["function"]["arguments"]);
            }
        }
        if value["usage"].is_object() {
            self.usage(Dialect::Chat, &value["usage"]);
            self.settled = true;
            // Some servers say it with every piece.
            self.done = value["choices"].as_array().is_none_or(Vec::is_empty);
        }
    }

    fn gemini(&mut self, value: &Value) {
        // Without `alt=sse` a stream is one array of the pieces.
        if let Some(pieces) = value.as_array() {
            pieces.iter().for_each(|piece| self.gemini(piece));
            return;
        }
        self.name(&value["modelVersion"]);
        self.failed |= value["error"].is_object();
        for candidate in value["candidates"].as_array().into_iter().flatten() {
            for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
                self.wrote(&part["text"]);
                if part["functionCall"].is_object() {
                    self.text_bytes += part["functionCall"].to_string().len() as u64;
                }
            }
        }
        self.usage(Dialect::Gemini, &value["usageMetadata"]);
    }

    fn ollama(&mut self, value: &Value) {
        self.name(&value["model"]);
        self.failed |= value["error"].is_string();
        self.wrote(&value["response"]);
        self.wrote(&value["message"]["content"]);
        self.wrote(&value["message"]["thinking"]);
        let input = value["prompt_eval_count"].as_u64();
        self.input = self.input.max(input);
        self.output = self.output.max(value["eval_count"].as_u64().unwrap_or_default());
        self.done |= value["done"] == Value::Bool(true);
        self.settled |= self.done || input.is_some();
    }

    fn name(&mut self, model: &Value) {
        if self.model.is_none()
            && let Some(model) = model.as_str().filter(|model| !model.is_empty())
        {
            self.model = Some(short(model));
        }
    }

    fn wrote(&mut self, text: &Value) {
        self.text_bytes += text.as_str().map_or(0, str::len) as u64;
    }
}

/// A name is never longer than this, and what is longer is no name.
const LONGEST_NAME: usize = 128;

/// The name as it may be kept and shown.
pub(crate) fn short(model: &str) -> String {
    model.chars().filter(|letter| !letter.is_control()).take(LONGEST_NAME).collect()
}

fn less(total: Option<u64>, cached: u64) -> Option<u64> {
    total.map(|total| total.saturating_sub(cached))
}

#[cfg(test)]
mod tests;
