/// What has passed, as somebody who connects to the socket `statistics` is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Connections that were made, in either direction.
    pub connections: u64,
    /// Connections that are there now.
    pub open: u64,
    /// Packets that ended a connection, or refused one, from the host's side.
    pub resets: u64,
    /// Bytes that the guest has sent.
    pub from_guest: u64,
    /// Bytes that the guest was sent.
    pub to_guest: u64,
    /// The most bytes that one packet of the guest has had.
    pub largest_from_guest: u64,
}

impl Statistics {
    /// One line of JSON.
    pub fn to_line(self) -> String {
        let Self { connections, open, resets, from_guest, to_guest, largest_from_guest } = self;
        format!(
            "{{\"connections\":{connections},\"open\":{open},\"resets\":{resets},\"from_guest\":{from_guest},\
             \"to_guest\":{to_guest},\"largest_from_guest\":{largest_from_guest}}}\n"
        )
    }
}
