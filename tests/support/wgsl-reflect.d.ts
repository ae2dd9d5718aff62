/** The package declares types for its name alone; the ES module that Node can load is this file. */
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
