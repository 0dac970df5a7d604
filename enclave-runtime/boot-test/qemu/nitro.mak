# The devices of a QEMU that boots enclave images: those that this machine selects.
CONFIG_NITRO_ENCLAVE=y
