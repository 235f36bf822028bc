//! Whom the connections to Slack trust: the machine's authorities, or those of the file that `SSL_CERT_FILE` names
//! (<https://docs.rs/rustls-native-certs>). What a certificate lacks is said in a sentence that helps whoever runs the bot.
//! Nothing of what is said over a connection may enter.

use std::error::Error;
use std::io;

use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{CertificateError, ClientConfig, RootCertStore, crypto::ring};
use url::Url;

use super::client::NotAClient;

/// For https the certificates that [`tls`] trusts. A sandbox over http needs none, and then no https host can be reached
/// either.
pub(super) fn connector(api: &Url) -> Result<HttpsConnector<HttpConnector>, NotAClient> {
    if api.scheme() == "https" {
        return Ok(HttpsConnectorBuilder::new()
            .with_tls_config(tls()?)
            .https_only()
            .enable_http1()
            .build());
    }
    let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .build())
}

/// What connections to Slack are checked with, HTTP or not.
pub(super) fn tls() -> Result<ClientConfig, NotAClient> {
    let builder = ClientConfig::builder_with_provider(ring::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions()?;
    let builder = builder.with_native_roots();
    Ok(builder
        .map_err(NotAClient::Certificates)?
        .with_no_client_auth())
}

/// Why a connection failed, where its certificate was the reason: in a sentence, with what to do.
pub(super) fn distrust(error: &(dyn Error + 'static)) -> Option<String> {
    let certificate = certificate_error(error)?;
    // Variants come in two forms, with and without details; their words begin the same.
    let what = certificate.to_string();
    let of_time = matches!(
        certificate,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    );
    let of_name = matches!(
        certificate,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    );
    let sentence = if *certificate == CertificateError::UnknownIssuer {
        "its certificate is of an authority that this machine doesn't trust. Where a proxy inspects TLS, name the file with \
         that proxy's authority in SSL_CERT_FILE"
            .into()
    } else if of_time {
        format!("{what}. Look at this machine's clock first")
    } else if of_name {
        format!(
            "{what}. Something else answers in Slack's place: look at name resolution and proxies"
        )
    } else {
        // What rustls invents next, and what nobody can do much about.
        format!("its certificate is refused: {what}")
    };
    Some(sentence)
}

/// `io::Error` doesn't name what it wraps among its sources, so it is looked into.
fn certificate_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CertificateError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(found)) = error.downcast_ref() {
            return Some(found);
        }
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped as &'a (dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustls::{CertificateError, Error};

    use super::distrust;

    fn of(certificate: CertificateError) -> Option<String> {
        let error = io::Error::other(Error::InvalidCertificate(certificate));
        distrust(&io::Error::other(error))
    }

    #[test]
    fn what_a_certificate_lacks_is_said_with_what_to_do() {
        let told = of(CertificateError::UnknownIssuer).expect("a sentence");
        assert!(told.contains("SSL_CERT_FILE"), "{told}");
        let told = of(CertificateError::Expired).expect("a sentence");
        assert!(told.contains("clock"), "{told}");
        let told = of(CertificateError::NotValidForName).expect("a sentence");
        assert!(told.contains("name resolution"), "{told}");
        let told = of(CertificateError::Revoked).expect("a sentence");
        assert!(told.contains("refused"), "{told}");
        assert_eq!(distrust(&io::Error::other("reset")), None);
    }
}
