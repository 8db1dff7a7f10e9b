"""Problems, clock, ports, directories and patterns; imports no other package of the project."""
