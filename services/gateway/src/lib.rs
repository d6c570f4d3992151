#![doc = include_str!("../README.md")]

pub mod admin;
pub mod api;
pub mod app;
mod clients;
pub mod config;
mod grpc;
pub mod service;
