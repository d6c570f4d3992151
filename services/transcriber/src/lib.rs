#![doc = include_str!("../README.md")]

mod app;
mod clients;
pub mod config;
mod consumers;
pub mod media;
pub mod openmp;
pub mod service;
pub mod speech;
