//! A login by a code that a person types in (RFC 8628): GitHub, and GitLab
//! since 17.1.

use super::{Application, Login, LoginError, Tokens, tokens};
use crate::http::Reach;
use oauth2::StandardDeviceAuthorizationResponse;
use pilot_proto::ForgeKind;
use std::time::Duration;

/// A login that waits for somebody to type in a code.
pub struct Device {
    login: Login,
    answer: StandardDeviceAuthorizationResponse,
}

impl Device {
    /// Asks the forge for a code.
    pub async fn begin(
        kind: ForgeKind,
        url: &str,
        application: &Application,
        reach: &Reach,
    ) -> Result<Self, LoginError> {
        let login = Login::new(kind, url, application, reach)?;
        let answer = {
            let exchange = login.exchange();
            let request = login.oauth.exchange_device_code();
            let request = request.map_err(|_| LoginError::NoSuchWay(kind))?;
            let request = request.add_scopes(login.scopes.iter().cloned());
            request.request_async(&exchange).await
        };
        let answer = answer.map_err(|error| login.failed(error))?;
        Ok(Self { login, answer })
    }

    /// What a person types in.
    pub fn code(&self) -> &str {
        self.answer.user_code().secret()
    }

    /// Where.
    pub fn page(&self) -> &str {
        self.answer.verification_uri().as_str()
    }

    /// How long the code is good for.
    pub fn expires_in(&self) -> Duration {
        self.answer.expires_in()
    }

    /// Asks as often as the forge likes until the code was typed in, or is good
    /// no more. `sleep` waits: `tokio::time::sleep`.
    pub async fn wait<S, F>(self, sleep: S) -> Result<Tokens, LoginError>
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        let exchange = self.login.exchange();
        let request = self.login.oauth.exchange_device_access_token(&self.answer);
        let answer = request.request_async(&exchange, sleep, None).await;
        Ok(tokens(&answer.map_err(|error| self.login.failed(error))?))
    }
}
