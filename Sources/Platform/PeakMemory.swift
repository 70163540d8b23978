import Foundation

/// The kernel's record of the largest resident memory of this process (proc(5), VmHWM in /proc/PID/status).
///
/// `ru_maxrss` of getrusage(2) is another one: it begins with what the process that started this one had resident.
package enum PeakMemory {
    /// Begins the record anew (/proc/PID/clear_refs, 5). A kernel that cannot goes on counting from the start of the process.
    package static func reset() {
        guard let file = fopen("/proc/self/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }

    /// MiB, rounded; 0 without /proc.
    package static var currentMB: Double {
        // Without /proc nothing is known; the work goes on.
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return ((line?.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) / 1024).rounded()
    }
}
