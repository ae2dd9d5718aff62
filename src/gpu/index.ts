/** The GPU device: opening it, its limits, its faults. Kernels and buffers are the engine's business. */
export { Gpu, type AdapterReport, type Caps } from './device.ts';
