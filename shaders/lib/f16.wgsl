// f16: asks for half precision. Comes first, for directives precede declarations.
enable f16;
