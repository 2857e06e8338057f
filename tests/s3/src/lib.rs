//! A private S3 server for tests, in the test's own process: it checks signatures, and can be
//! stopped and started again to play a store that is away.
//!
//! Keeps its objects in a folder that goes with it; nothing here is a client of S3.

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The bucket that is there from the start.
pub const BUCKET: &str = "pictures";

/// Who may use it.
pub const ACCESS_KEY: &str = "test-access-key";

/// What proves it.
pub const SECRET_KEY: &str = "test-secret-key";

/// Any would do.
pub const REGION: &str = "us-east-1";

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    address: SocketAddr,
    /// The task that accepts connections and owns those that serve them; empty while stopped.
    running: JoinSet<()>,
}

/// Starts a server of its own, with one empty bucket.
///
/// # Panics
/// When there is no room for its folder or no port.
pub async fn server() -> Server {
    let folder = tempfile::Builder::new()
        .prefix("lianlian-s3-")
        .tempdir()
        .expect("a folder");
    std::fs::create_dir(folder.path().join(BUCKET)).expect("an empty folder");
    let listener = listen(0).await;
    let mut server = Server {
        folder,
        address: listener.local_addr().expect("it is bound"),
        running: JoinSet::new(),
    };
    server.serve(listener);
    server
}

impl Server {
    /// `http://127.0.0.1:<port>`; the same after a stop and a start.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the objects of the bucket lie as files, for whoever wants to look or to spoil some.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Breaks all connections and refuses new ones.
    pub async fn stop(&mut self) {
        self.running.shutdown().await;
    }

    /// Serves again, at the same address, what it held before.
    pub async fn start(&mut self) {
        self.stop().await;
        let listener = listen(self.address.port()).await;
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        let files = FileSystem::new(self.folder.path()).expect("its folder is there");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        self.running.spawn(accept(listener, service.build()));
    }
}

async fn listen(port: u16) -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .expect("a free port")
}

async fn accept(listener: TcpListener, service: S3Service) {
    // Ended with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let service = service.clone();
        connections.spawn(async move {
            // An error says that the client went away.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}
