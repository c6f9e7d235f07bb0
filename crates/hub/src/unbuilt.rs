//! Rows of the table that are being built.

use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_proto::console::{self, Command};
use pilot_proto::{Code, Problem};

macro_rules! unbuilt {
    ($($command:ident),+) => {$(
        impl Answers<console::$command> for Parts {
            async fn answer(
                &self,
                _who: &Principal,
                _request: <console::$command as Command>::Request,
            ) -> Result<<console::$command as Command>::Response, Problem> {
                Err(Problem::new(Code::Precondition, "This is not built yet."))
            }
        }
    )+};
}

unbuilt!(AttachmentNew, ForgeRemove, ProviderRemove, RunnerLook, PreferenceGet, PreferenceSet);
