//! A simulated tenant as a process: `simulate_tenant ADDRESS USERS SEED [CERTIFICATE]`; with a certificate file it speaks HTTPS.
//!
//! It writes its address to the standard output once it listens.

use std::error::Error;
use std::io::Write;
use std::sync::{Arc, Mutex};

use tidegate::clock::Clock;
use tidegate::sim::{Options, Profile, Tenant, Transport, serve};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let address = words.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let users = words.next().map_or(Ok(500), |text| text.parse())?;
    let seed = words.next().map_or(Ok(7), |text| text.parse())?;
    let transport = words.next().map_or(Transport::Plain, |path| Transport::Tls { certificate: path.into() });
    let tenant = Tenant::new(Profile { users, seed, ..Profile::default() });
    let listener = tokio::net::TcpListener::bind(address).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    serve(listener, Arc::new(Mutex::new(tenant)), Options { clock: Clock::system(), transport }).await?;
    Ok(())
}
