// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections: how long they may take, and how they end. The clock is tokio's, and jumps.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::routes::Routes;

struct Serving {
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinSet<std::io::Result<()>>,
}

async fn serving() -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let (server, stopped) = (Routes::plain().server, stop.clone());
    let mut set = JoinSet::new();
    set.spawn(async move { server.serve_tcp(listener, stopped).await });
    Serving { address, stop, server: set }
}

/// What comes until the service closes the connection, and after how long.
async fn until_closed(address: SocketAddr, said: &str) -> (String, Duration) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(said.as_bytes()).await.unwrap();
    let (mut heard, begin) = (Vec::new(), Instant::now());
    // A connection that is cut off has said what it had to.
    let _ = stream.read_to_end(&mut heard).await;
    (String::from_utf8_lossy(&heard).into_owned(), begin.elapsed())
}

// Failure modes: N5.
#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_or_half_a_request_is_not_waited_for() {
    let serving = serving().await;
    for said in ["", "GET /healthz HTTP/1.1\r\nHost: loc", "GET"] {
        let (heard, took) = until_closed(serving.address, said).await;
        assert!(took <= Duration::from_secs(31), "{said:?}: {took:?}");
        assert!(!heard.contains("200 OK"), "{heard}");
    }
    // A connection that is kept open after an answer, too.
    let said = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (heard, took) = until_closed(serving.address, said).await;
    assert!(heard.starts_with("HTTP/1.1 200 OK"), "{heard}");
    assert!(took <= Duration::from_secs(31), "{took:?}");
}

#[tokio::test]
async fn a_head_has_a_size() {
    let serving = serving().await;
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    let (heard, _) = until_closed(serving.address, &long).await;
    assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 431"), "{heard}");
    let many = "X: y\r\n".repeat(100);
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
    let (heard, _) = until_closed(serving.address, &many).await;
    assert!(heard.starts_with("HTTP/1.1 431"), "{heard}");
}

#[tokio::test]
async fn the_end_does_not_wait_for_idle_connections() {
    let mut serving = serving().await;
    let mut idle = TcpStream::connect(serving.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let begin = Instant::now();
    serving.stop.cancel();
    serving.server.join_next().await.unwrap().unwrap().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(TcpStream::connect(serving.address).await.is_err(), "still listening");
}

#[tokio::test(start_paused = true)]
async fn the_end_cuts_off_who_does_not_finish() {
    let mut serving = serving().await;
    let mut slow = TcpStream::connect(serving.address).await.unwrap();
    let head = "POST /whep/head HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n\
                Content-Length: 100\r\n\r\nv=0";
    slow.write_all(head.as_bytes()).await.unwrap();
    let status = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // The slow one came first, so it is being served when this is answered.
    until_closed(serving.address, status).await;
    let begin = Instant::now();
    serving.stop.cancel();
    serving.server.join_next().await.unwrap().unwrap().unwrap();
    assert!(begin.elapsed() <= Duration::from_secs(4), "{:?}", begin.elapsed());
}
