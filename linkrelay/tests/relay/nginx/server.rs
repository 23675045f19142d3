use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use linkrelay_fake_youtube::tls::Authority;
use linkrelay_testkit::process::{Process, ProcessBuilder};
use linkrelay_testkit::tools::{free_port, nginx};
use linkrelay_testkit::wait::LONG;
use rcgen::CertificateParams;
use reqwest::{Certificate, Client, ClientBuilder, redirect};
use tempfile::TempDir;

pub(crate) const HOST: &str = "links.example.org";
const FOLDER: &str = "/etc/letsencrypt/live/links.example.org";

/// nginx with the file of `deploy/`, in a folder and on ports of its own.
pub(crate) struct Nginx {
    process: Process,
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
    authority: String,
    _folder: TempDir,
}

impl Nginx {
    /// Starts it in front of a producer, and waits until it listens.
    pub(crate) async fn in_front_of(producer: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new().unwrap();
        let params = CertificateParams::new([HOST.to_owned()]).unwrap();
        let (certificate, key) = authority.sign(&params).unwrap();
        std::fs::write(folder.path().join("fullchain.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("privkey.pem"), key.serialize_pem()).unwrap();
        let [http, https] =
            [(); 2].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().unwrap())));
        std::fs::write(folder.path().join("site.conf"), site(folder.path(), producer, http, https))
            .unwrap();
        std::fs::write(folder.path().join("nginx.conf"), main(folder.path())).unwrap();
        let mut process = ProcessBuilder::new("nginx", nginx().unwrap())
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "stderr"])
            .remove_if_orphaned(folder.path())
            .spawn()
            .unwrap();
        process.until_accepts(https, LONG).await.unwrap();
        Self { process, https, http, authority: authority.pem().to_owned(), _folder: folder }
    }

    /// A client that knows the host's address and its authority.
    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        let authority = Certificate::from_pem(self.authority.as_bytes()).unwrap();
        Client::builder()
            .no_proxy()
            .add_root_certificate(authority)
            .resolve(HOST, self.https)
            .redirect(redirect::Policy::none())
            .timeout(LONG)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.https.port())
    }

    pub(crate) async fn stop(mut self) {
        let status = self.process.terminate(LONG).await.unwrap();
        assert!(status.success(), "{status}: {}", self.process.log_tail());
    }
}

/// The file of `deploy/`, with what an operator changes, and only on the loopback address.
fn site(folder: &Path, producer: SocketAddr, http: SocketAddr, https: SocketAddr) -> String {
    let replaced = [
        ("server 127.0.0.1:3000;", format!("server {producer};")),
        ("    listen 80;\n", format!("    listen {http};\n")),
        ("    listen [::]:80;\n", String::new()),
        ("    listen 443 ssl http2;\n", format!("    listen {https} ssl http2;\n")),
        ("    listen [::]:443 ssl http2;\n", String::new()),
    ];
    let mut site = file();
    for (from, to) in replaced {
        assert_eq!(site.matches(from).count(), 1, "{from} in {site}");
        site = site.replace(from, &to);
    }
    site.replace(FOLDER, &folder.display().to_string())
}

/// The file of `deploy/`.
pub(crate) fn file() -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(workspace.join("deploy/nginx.conf")).unwrap()
}

/// What Debian's own nginx.conf has around a site; in one process, without another user, and with
/// every file in the folder.
fn main(folder: &Path) -> String {
    let folder = folder.display();
    let bodies: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\n\
         events {{ worker_connections 512; }}\n\
         http {{\naccess_log off;\ndefault_type application/octet-stream;\n{bodies}\
         include {folder}/site.conf;\n}}\n"
    )
}
