//! What can be made to go wrong.

use super::message::{Answer, Ask};

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    times: u32,
    method: Option<String>,
    path: Option<String>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Answer { status: u16, headers: Vec<(String, String)>, body: String },
    LoseAnswer { status: u16 },
    BeFaster,
}

/// What happens to a request.
pub(super) enum Verdict {
    /// It is answered with this and not carried out.
    Instead(Answer),
    /// It is carried out, and answered with this.
    CarryOutThen(Answer),
    /// Somebody does the same just before.
    AfterSomebodyElse,
    /// Nothing goes wrong.
    Fine,
}

impl Fault {
    /// Answered with this status and these headers, and not carried out.
    pub fn answer(times: u32, status: u16, headers: &[(&str, &str)]) -> Self {
        let headers =
            headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let body = "<html><body>out of order</body></html>".to_owned();
        Self::new(times, Kind::Answer { status, headers, body })
    }

    /// The same, with this body.
    #[must_use]
    pub fn saying(mut self, text: &str) -> Self {
        if let Kind::Answer { body, .. } = &mut self.kind {
            text.clone_into(body);
        }
        self
    }

    /// Carried out, but the proxy in front says this instead.
    pub fn lose_answer(times: u32, status: u16) -> Self {
        Self::new(times, Kind::LoseAnswer { status })
    }

    /// Somebody opens the same pull request just before the request does.
    pub fn be_faster() -> Self {
        Self::new(1, Kind::BeFaster).on("POST", "/pulls")
    }

    /// Only for requests of this method whose path ends so.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path = Some(path.to_owned());
        self
    }

    fn new(times: u32, kind: Kind) -> Self {
        Self { times, method: None, path: None, kind }
    }

    fn applies(&self, ask: &Ask) -> bool {
        self.times > 0
            && self.method.as_ref().is_none_or(|method| ask.method == *method)
            && self.path.as_ref().is_none_or(|path| ask.path.ends_with(path))
    }
}

/// Uses up the first fault that applies.
pub(super) fn judge(faults: &mut Vec<Fault>, ask: &Ask) -> Verdict {
    let Some(fault) = faults.iter_mut().find(|fault| fault.applies(ask)) else {
        return Verdict::Fine;
    };
    fault.times -= 1;
    let verdict = match &fault.kind {
        Kind::Answer { status, headers, body } => {
            let mut answer = Answer::page(*status);
            answer.headers.extend(headers.iter().cloned());
            answer.body.clone_from(body);
            Verdict::Instead(answer)
        }
        Kind::LoseAnswer { status } => Verdict::CarryOutThen(Answer::page(*status)),
        Kind::BeFaster => Verdict::AfterSomebodyElse,
    };
    faults.retain(|fault| fault.times > 0);
    verdict
}
