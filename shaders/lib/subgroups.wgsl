// subgroups: asks for subgroup operations. Comes first, for directives precede declarations.
enable subgroups;
