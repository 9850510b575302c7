"""The deployed system on this machine: emulators of AWS, a runner of functions, acceptance."""
