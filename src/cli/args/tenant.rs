//! `simulate-tenant`: what the simulated tenant is like.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

/// How a simulated service behaves under load.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ServiceLimits {
    /// Milliseconds that every answer takes; requests are served side by side.
    #[arg(long, default_value_t = 0)]
    pub(in crate::cli) latency_ms: u32,
    /// Directory writes per 150 s; 0 means no limit.
    #[arg(long, default_value_t = 3_000)]
    pub(in crate::cli) write_quota: u32,
    /// How they are counted.
    #[arg(long, value_enum, default_value_t = Quota::Bucket)]
    pub(in crate::cli) quota: Quota,
    /// Seconds within which the write quota may be used, in place of 150.
    #[arg(long, default_value_t = 150, value_name = "SECONDS")]
    pub(in crate::cli) quota_period: u32,
    /// Charge a bind of several people one write for each of them.
    #[arg(long)]
    pub(in crate::cli) charge_links: bool,
    /// Writes taken at once, over all requests; the surplus gets a 503. 0 means no limit.
    #[arg(long, default_value_t = 0)]
    pub(in crate::cli) max_inflight: u32,
    /// Calls of reports and sign-ins per 10 s; 0 means no limit.
    #[arg(long, default_value_t = 5)]
    pub(in crate::cli) report_quota: u32,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct SimulateTenant {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(in crate::cli) listen: std::net::SocketAddr,
    /// People.
    #[arg(long, default_value_t = 500)]
    pub(in crate::cli) users: u32,
    /// The seed.
    #[arg(long, default_value_t = 7)]
    pub(in crate::cli) seed: u64,
    /// Share of people who never register, 0 to 1.
    #[arg(long, default_value_t = 0.03)]
    pub(in crate::cli) never: f64,
    /// Seconds until a write is seen by reads.
    #[arg(long, default_value_t = 0)]
    pub(in crate::cli) read_lag: u32,
    /// Permissions that the app has beyond the least ones, for example Group.Create,Policy.ReadWrite.ConditionalAccess.
    #[arg(long, value_name = "PERMISSION", value_delimiter = ',')]
    pub(in crate::cli) grant: Vec<String>,
    /// Begin with security defaults on, and with no policy on beside them.
    #[arg(long)]
    pub(in crate::cli) security_defaults: bool,
    /// Share of people with a state of per-user MFA left behind, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub(in crate::cli) per_user: f64,
    #[command(flatten)]
    pub(in crate::cli) service: ServiceLimits,
    /// Share of people whose accounts are deleted just when they are about to be added, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub(in crate::cli) vanishing: f64,
    /// A tenant without warts: everybody has a row in the report and an allowed method or none.
    #[arg(long)]
    pub(in crate::cli) calm: bool,
    /// A problem that the tenant begins with, for `doctor` to find; `all` plants all that can be there together.
    #[arg(long, value_name = "KIND")]
    pub(in crate::cli) plant: Vec<String>,
    /// Serve HTTPS; the certificate is written into --folder.
    #[arg(long)]
    pub(in crate::cli) tls: bool,
    /// One more name that this certificate is for; may be given more than once.
    #[arg(long, value_name = "NAME", requires = "tls")]
    pub(in crate::cli) tls_name: Vec<String>,
    /// The app's certificate, PEM or DER, as it would be uploaded: then assertions are verified, not only looked at.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) app_certificate: Option<PathBuf>,
    /// Where to put the ready plan, the secret and the certificate; nothing is written without it.
    #[arg(long, value_name = "FOLDER")]
    pub(in crate::cli) folder: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Quota {
    /// A bucket that refills evenly.
    Bucket,
    /// Windows that turn.
    Window,
}
