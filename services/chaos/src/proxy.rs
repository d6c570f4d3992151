//! A wire between two processes that can be slow, silent, one-way or cut. It knows nothing of what passes.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

const BUFFER: usize = 16 << 10;

/// How the wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Clear,
    /// Everything takes so much longer.
    Slow(Duration),
    /// Connections stand, and nothing passes.
    Silent,
    /// What is asked arrives, and no answer comes back.
    Deaf,
    /// Connections are closed, new ones too.
    Cut,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

#[derive(Debug)]
pub(crate) struct Proxy {
    weather: watch::Sender<Weather>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Listens at one address and connects to the other.
    pub(crate) async fn start(at: SocketAddr, to: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(at).await?;
        let (weather, forecast) = watch::channel(Weather::Clear);
        let listening = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(connect(near, to, forecast.clone()));
            }
        });
        Ok(Self { weather, listening })
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn connect(near: TcpStream, to: SocketAddr, weather: watch::Receiver<Weather>) {
    if *weather.borrow() == Weather::Cut {
        return;
    }
    let Ok(far) = TcpStream::connect(to).await else { return };
    for stream in [&near, &far] {
        stream.set_nodelay(true).ok();
    }
    let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
    let mut cut = weather.clone();
    tokio::select! {
        () = carry(near_read, far_write, Way::There, weather.clone()) => {}
        () = carry(far_read, near_write, Way::Back, weather) => {}
        _ = cut.wait_for(|weather| *weather == Weather::Cut) => {}
    }
}

/// Ends with either side, and so closes both: none of our protocols half-closes.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, mut weather: watch::Receiver<Weather>) {
    let mut buffer = vec![0; BUFFER];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        let passes = |weather: &Weather| match weather {
            Weather::Clear | Weather::Slow(_) => true,
            Weather::Silent | Weather::Cut => false,
            Weather::Deaf => way == Way::There,
        };
        let Ok(now) = weather.wait_for(passes).await.map(|now| *now) else { return };
        if let Weather::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
