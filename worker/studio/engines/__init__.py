"""What computes: the only room that imports torch, and only when a route asks for it."""

from studio.settings import prepare_libraries

# Here, because whoever imports an engine passes this line before torch is read.
prepare_libraries()
