//! The device: the queues of the machine, through which the packets pass.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex};

use vhost::vhost_user::Listener;
use vhost::vhost_user::message::VhostUserProtocolFeatures;
use vhost_user_backend::{VhostUserBackendMut, VhostUserDaemon, VringRwLock, VringT};
use virtio_bindings::bindings::virtio_config::VIRTIO_F_VERSION_1;
use virtio_queue::{DescriptorChain, QueueOwnedT, QueueT};
use vm_memory::{GuestAddressSpace, GuestMemoryAtomic, GuestMemoryLoadGuard, GuestMemoryMmap};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::event::{EventConsumer, EventFlag, EventNotifier, new_event_consumer_and_notifier};

use super::packet::{HEADER, Header, MAX_DATA};
use super::switch::Switch;

/// Queues: what the guest receives, what it sends, and events, of which there are none.
const RECEIVE: u16 = 0;
const SEND: u16 = 1;
const EVENT: u16 = 2;
const QUEUES: usize = 3;
const QUEUE_SIZE: usize = 1024;

/// What the host's sockets are called among the events; the number before it is the library's.
const HOST: u16 = 4;

/// The bit by which a vhost-user device says that it speaks of protocol features.
const PROTOCOL_FEATURES: u64 = 1 << 30;

type Memory = GuestMemoryAtomic<GuestMemoryMmap>;
type Chain = DescriptorChain<GuestMemoryLoadGuard<GuestMemoryMmap>>;

/// Serves one machine, which connects to `socket`, until it has gone.
pub fn serve(socket: &Path, switch: Switch) -> Result<(), Box<dyn std::error::Error>> {
    let memory = Memory::new(GuestMemoryMmap::new());
    let device = Arc::new(Mutex::new(Device { switch, memory: memory.clone() }));
    let mut daemon = VhostUserDaemon::new("vsock".into(), device.clone(), memory).map_err(told)?;
    for handler in daemon.get_epoll_handlers() {
        let events = device.lock().expect("no thread has panicked").switch.events().as_raw_fd();
        handler.register_listener(events, EventSet::IN, HOST.into())?;
    }
    daemon.start(&mut Listener::new(socket, true)?).map_err(told)?;
    match daemon.wait() {
        Err(vhost_user_backend::Error::HandleRequest(
            vhost::vhost_user::Error::Disconnected | vhost::vhost_user::Error::PartialMessage,
        ))
        | Ok(()) => Ok(()),
        Err(error) => Err(told(error).into()),
    }
}

/// The library's own error is none that Rust knows as one.
fn told(error: vhost_user_backend::Error) -> String {
    error.to_string()
}

struct Device {
    switch: Switch,
    memory: Memory,
}

impl VhostUserBackendMut for Device {
    type Bitmap = ();
    type Vring = VringRwLock;

    fn num_queues(&self) -> usize {
        QUEUES
    }

    fn max_queue_size(&self) -> usize {
        QUEUE_SIZE
    }

    fn features(&self) -> u64 {
        1 << VIRTIO_F_VERSION_1 | PROTOCOL_FEATURES
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        VhostUserProtocolFeatures::CONFIG
    }

    fn set_event_idx(&mut self, _enabled: bool) {}

    /// The configuration is the guest's number.
    fn get_config(&self, offset: u32, size: u32) -> Vec<u8> {
        let number = self.switch.guest_cid().to_le_bytes();
        number.into_iter().skip(offset as usize).take(size as usize).collect()
    }

    fn update_memory(&mut self, memory: Memory) -> io::Result<()> {
        self.memory = memory;
        Ok(())
    }

    fn exit_event(&self, _thread: usize) -> Option<(EventConsumer, EventNotifier)> {
        new_event_consumer_and_notifier(EventFlag::NONBLOCK).ok()
    }

    fn handle_event(
        &mut self,
        event: u16,
        _events: EventSet,
        queues: &[VringRwLock],
        _thread: usize,
    ) -> io::Result<()> {
        match event {
            HOST => self.switch.host_events()?,
            EVENT => return Ok(()),
            _ => {}
        }
        // Before that, nobody would hear that there is something in a queue.
        if !queues.iter().take(usize::from(EVENT)).all(|queue| queue.get_ref().is_enabled()) {
            return Ok(());
        }
        loop {
            self.take_from_guest(&queues[usize::from(SEND)])?;
            let was_full = self.switch.is_full();
            self.give_to_guest(&queues[usize::from(RECEIVE)])?;
            // What was left because the switch was full gets its turn once it is not.
            if !was_full || self.switch.is_full() {
                return Ok(());
            }
        }
    }
}

impl Device {
    fn take_from_guest(&mut self, queue: &VringRwLock) -> io::Result<()> {
        let memory = self.memory.memory();
        let mut data = Vec::new();
        let mut taken = false;
        while !self.switch.is_full() {
            let Some(chain) = queue.get_mut().get_queue_mut().pop_descriptor_chain(memory.clone()) else {
                break;
            };
            let head = chain.head_index();
            // What is no packet has no sender that could be told.
            if let Ok(Some(header)) = read_packet(&memory, chain, &mut data) {
                self.switch.from_guest(&header, &data);
            }
            queue.add_used(head, 0).map_err(io::Error::other)?;
            taken = true;
        }
        tell(queue, taken)
    }

    fn give_to_guest(&mut self, queue: &VringRwLock) -> io::Result<()> {
        let memory = self.memory.memory();
        let mut buffer = vec![0; MAX_DATA];
        let mut given = false;
        loop {
            let mut queue = queue.get_mut();
            let Some(chain) = queue.get_queue_mut().pop_descriptor_chain(memory.clone()) else { break };
            let head = chain.head_index();
            let mut writer = chain.writer(&memory).map_err(io::Error::other)?;
            let room = writer.available_bytes().saturating_sub(HEADER).min(MAX_DATA);
            let Some(header) = self.switch.to_guest(&mut buffer[..room]) else {
                queue.get_queue_mut().go_to_previous_position();
                break;
            };
            let length = header.length as usize;
            writer.write_all(&header.to_bytes())?;
            writer.write_all(&buffer[..length])?;
            queue.add_used(head, (HEADER + length) as u32).map_err(io::Error::other)?;
            given = true;
        }
        tell(queue, given)
    }
}

/// The packet of a chain, its data in `data`; `None` for what is none.
fn read_packet(memory: &GuestMemoryMmap, chain: Chain, data: &mut Vec<u8>) -> io::Result<Option<Header>> {
    let mut reader = chain.reader(memory).map_err(io::Error::other)?;
    let mut bytes = [0; HEADER];
    reader.read_exact(&mut bytes)?;
    let Some(header) = Header::from_bytes(&bytes) else { return Ok(None) };
    let length = header.length as usize;
    if length > MAX_DATA {
        return Ok(None);
    }
    data.resize(length, 0);
    reader.read_exact(data)?;
    Ok(Some(header))
}

fn tell(queue: &VringRwLock, something: bool) -> io::Result<()> {
    match something {
        true => queue.signal_used_queue(),
        false => Ok(()),
    }
}
