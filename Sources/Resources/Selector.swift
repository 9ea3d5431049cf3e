/// A parsed label selector in Calico's grammar; equal text after canonical printing means equal value.
public struct Selector: Hashable, Sendable {
    let text: String
}
