"""What things are: frozen dataclasses and enums, standard library only. `now` is always an argument."""
