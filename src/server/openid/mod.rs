//! Sign-in at an OpenID provider: authorization code with PKCE. The crate `openidconnect` has the flow and checks the tokens; what is
//! ours is what a sign-in is for, and what becomes of its claims.

pub mod claims;
pub mod flows;
pub mod provider;
pub mod settings;

pub use claims::Claims;
pub use flows::{Begun, Flows};
pub use provider::{OpenIdError, Provider};
pub use settings::Settings;
