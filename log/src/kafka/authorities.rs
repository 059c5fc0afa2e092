//! Whom to trust where brokers are reached by TLS.

use rdkafka::ClientConfig;

/// What librdkafka calls them.
const PROTOCOL: &str = "security.protocol";
const AUTHORITIES: &str = "ssl.ca.location";
const VERIFICATION: &str = "enable.ssl.certificate.verification";
/// All properties that name authorities begin so.
const ABOUT_AUTHORITIES: &str = "ssl.ca.";
/// Has librdkafka look where systems keep their authorities.
const PROBE: &str = "probe";
/// Variables in which OpenSSL itself looks for authorities.
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// With TLS, and without a word about whom to trust, those are the system's authorities. OpenSSL is part of the binary, and
/// would look for them where it was built.
pub(super) fn trust_the_system(config: &mut ClientConfig) {
    let is_told = VARIABLES.iter().any(|name| std::env::var_os(name).is_some_and(|told| !told.is_empty()));
    if cfg!(feature = "kafka-tls") && !is_told && lacks_authorities(config) {
        config.set(AUTHORITIES, PROBE);
    }
}

fn lacks_authorities(config: &ClientConfig) -> bool {
    let by_tls =
        |protocol: &str| protocol.eq_ignore_ascii_case("ssl") || protocol.eq_ignore_ascii_case("sasl_ssl");
    let given = config.config_map();
    config.get(PROTOCOL).is_some_and(by_tls)
        && !given.keys().any(|name| name.starts_with(ABOUT_AUTHORITIES) || *name == VERIFICATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_with_tls_are_checked_by_the_systems_authorities_unless_others_are_told() {
        for (given, lacks) in [
            (&["security.protocol=ssl"][..], true),
            (&["security.protocol=SASL_SSL", "sasl.mechanism=PLAIN"], true),
            (&["security.protocol=ssl", "ssl.ca.location=/ca.pem"], false),
            (&["security.protocol=ssl", "ssl.ca.pem=-----BEGIN"], false),
            (&["security.protocol=ssl", "enable.ssl.certificate.verification=false"], false),
            (&["security.protocol=sasl_plaintext"], false),
            (&[], false),
        ] {
            let mut config = ClientConfig::new();
            for (name, value) in given.iter().filter_map(|pair| pair.split_once('=')) {
                config.set(name, value);
            }
            assert_eq!(lacks_authorities(&config), lacks, "{given:?}");
        }
    }
}
