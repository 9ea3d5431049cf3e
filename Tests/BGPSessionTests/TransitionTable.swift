/// RFC 4271 §8.2.2 (and RFC 9687) as data, transcribed from the text: one line per group of equal transitions.
///
/// Columns: setups | events | next state | effects | where the RFC says so, or why the line differs from its letter.
///
/// Setups are states in the forms they occur in: `connect` dials, `…Option` has the DelayOpen attribute set, `…Delaying`
/// has a connection and the DelayOpenTimer running, `…0` negotiated a hold time of zero. Events are the numbers of §8.1;
/// R is a ROUTE-REFRESH, U an UPDATE sent, D data accepted by the transport.
///
/// Effects: `open`, `keepalive`, `notify:C/S`, `notify:given` (the event's own) are messages, `notify?` only with
/// SendNOTIFICATIONwithoutOPEN; `arm:TIMER:VALUE`, `stop:TIMER`, `stop` (every timer) are timers; `zero` and `+1` are
/// the ConnectRetryCounter; `damp` counts with DampPeerOscillations only; `drop` applies where there is a connection or
/// an attempt; `routes` deletes the routes of the session.
let transitionTable = """
    idle | 1,3 | connect | zero arm:connectRetry:retry dial listen | Idle State, events 1 and 3
    idle | 4,5 | active | zero arm:connectRetry:retry listen | Idle State, events 4 and 5
    idle | 6,7,13 | damped | | Idle State, left to the implementation: a start without resetting the counter
    idle | 2,8,9,10,11,12,16,18,19,20,21,22,23,24,25,26,27,28,29,R,U,D | idle | | Idle State: no change
    idle | 14,15,17 | idle | reject | Idle State: refuses all incoming connections

    connect,connectOption,connectDelaying | 1,3,4,5,6,7,14 | connect | | Connect State: starts ignored, 14 processed
    connect,connectOption,connectDelaying | 2 | idle | drop release zero stop | Connect State, event 2
    connect,connectOption,connectDelaying | 9 | connect | drop arm:connectRetry:retry stop:delayOpen dial listen | event 9
    connectDelaying | 12 | openSent | open arm:hold:large | Connect State, event 12
    connect,connectOption | 12 | connect | | a timer that does not run cannot expire
    connect,connectOption,connectDelaying | 15 | connect | reject | Connect State, event 15
    connect | 16,17 | openSent | stop:connectRetry open arm:hold:large | Connect State, DelayOpen FALSE
    connectOption | 16,17 | connect | stop:connectRetry arm:delayOpen:delay | Connect State, DelayOpen TRUE
    connectDelaying | 16,17 | connect | track | a second connection, as in OpenSent
    connect,connectOption | 18 | idle | stop drop release | Connect State, event 18 without DelayOpenTimer
    connectDelaying | 18 | active | arm:connectRetry:retry stop:delayOpen listen | event 18 with DelayOpenTimer
    connectDelaying | 20 | openConfirm | stop:connectRetry stop:delayOpen open keepalive arm:keepalive:keepalive arm:hold:negotiated | event 20
    connect,connectOption | 20 | idle | stop release drop +1 damp | contradicts itself; as any other event
    connect,connectOption,connectDelaying | 21,22 | idle | notify?:given stop release drop +1 damp | Connect State, 21 and 22
    connectDelaying | 24 | idle | stop release drop | Connect State, event 24 with DelayOpenTimer
    connect,connectOption | 24 | idle | stop release drop +1 damp | Connect State, event 24 without DelayOpenTimer
    connect,connectOption,connectDelaying | 8,10,11,13,19,23,25,26,27,28,29,R | idle | stop release drop +1 damp | any other
    connect,connectOption,connectDelaying | U,D | connect | | nothing was sent

    active,activeOption,activeDelaying | 1,3,4,5,6,7,14 | active | | Active State: starts ignored, 14 processed
    active,activeOption | 2 | idle | release drop zero stop | Active State, event 2
    activeDelaying | 2 | idle | notify?:given release drop zero stop | Active State, event 2 with DelayOpenTimer
    active,activeOption | 9 | connect | arm:connectRetry:retry dial listen | Active State, event 9
    activeDelaying | 9 | connect | arm:connectRetry:retry listen | the timer does not run here; no second connection
    activeDelaying | 12 | openSent | stop:connectRetry stop:delayOpen open arm:hold:large | Active State, event 12
    active,activeOption | 12 | active | | a timer that does not run cannot expire
    active,activeOption,activeDelaying | 15 | active | reject | Active State, event 15
    active | 16,17 | openSent | stop:connectRetry open arm:hold:large | Active State, DelayOpen FALSE
    activeOption | 16,17 | active | stop:connectRetry arm:delayOpen:delay | Active State, DelayOpen TRUE
    activeDelaying | 16,17 | active | track | a second connection, as in OpenSent
    active,activeOption,activeDelaying | 18 | idle | stop release +1 damp | event 18; the timer it restarts means nothing in Idle
    activeDelaying | 20 | openConfirm | stop:connectRetry stop:delayOpen open keepalive arm:keepalive:keepalive arm:hold:negotiated | event 20
    active,activeOption | 20 | idle | stop release drop +1 damp | contradicts itself; as any other event
    active,activeOption,activeDelaying | 21,22 | idle | notify?:given stop release drop +1 damp | Active State, 21 and 22
    activeDelaying | 24 | idle | stop release drop | Active State, event 24 with DelayOpenTimer
    active,activeOption | 24 | idle | stop release drop +1 damp | Active State, event 24 without DelayOpenTimer
    active,activeOption,activeDelaying | 8,10,11,13,19,23,25,26,27,28,29,R | idle | stop release drop +1 damp | any other
    active,activeOption,activeDelaying | U,D | active | | nothing was sent

    openSent | 1,3,4,5,6,7,15 | openSent | | OpenSent: starts and 15 ignored
    openSent | 2 | idle | notify:given stop release drop zero | OpenSent, event 2
    openSent | 8,23 | idle | notify:given stop release drop +1 damp | OpenSent, events 8 and 23
    openSent | 10 | idle | notify:4/0 stop release drop +1 damp | OpenSent, event 10
    openSent | 14,16,17 | openSent | track | OpenSent: second connection
    openSent | 18 | active | drop stop:hold arm:connectRetry:retry listen | OpenSent, event 18
    openSent | 19 | openConfirm | keepalive arm:keepalive:keepalive arm:hold:negotiated | OpenSent, event 19
    openSent | 21,22 | idle | notify:given stop release drop +1 damp | OpenSent, events 21 and 22
    openSent | 24 | idle | stop release drop | OpenSent, event 24
    openSent | 25 | idle | stop release drop +1 damp | listed with 5/1, but a NOTIFICATION is never answered (§6.4)
    openSent | 9,11,12,13,20,26,27,28,29,R | idle | notify:5/1 stop release drop +1 damp | any other; RFC 6608
    openSent | U,D | openSent | | runs in Established only

    openConfirm,openConfirm0 | 1,3,4,5,6,7,15 | openConfirm | | OpenConfirm State: starts and 15 ignored
    openConfirm,openConfirm0 | 2 | idle | notify:given release drop zero stop | OpenConfirm State, event 2
    openConfirm,openConfirm0 | 8,23 | idle | notify:given stop release drop +1 damp | OpenConfirm State, events 8 and 23
    openConfirm,openConfirm0 | 10 | idle | notify:4/0 stop release drop +1 damp | OpenConfirm State, event 10
    openConfirm | 11 | openConfirm | keepalive arm:keepalive:keepalive | OpenConfirm State, event 11
    openConfirm0 | 11 | openConfirm | keepalive | OpenConfirm State, event 11; no timer with hold time zero
    openConfirm,openConfirm0 | 14,16,17 | openConfirm | track | OpenConfirm State: second connection
    openConfirm,openConfirm0 | 18,25 | idle | stop release drop +1 damp | OpenConfirm State, events 18 and 25
    openConfirm,openConfirm0 | 24 | idle | stop release drop | OpenConfirm State, event 24
    openConfirm,openConfirm0 | 21,22 | idle | notify:given stop release drop +1 damp | OpenConfirm State, 21 and 22
    openConfirm | 26 | established | arm:hold:negotiated arm:sendHold:sendHold up | OpenConfirm State, event 26; RFC 9687
    openConfirm0 | 26 | established | up | OpenConfirm State, event 26 with hold time zero
    openConfirm,openConfirm0 | 19 | idle | notify:5/2 stop release drop +1 damp | a second OPEN; collisions are event 23
    openConfirm,openConfirm0 | 9,12,13,20,27,28,29,R | idle | notify:5/2 stop release drop +1 damp | any other; RFC 6608
    openConfirm,openConfirm0 | U,D | openConfirm | | runs in Established only

    established,established0 | 1,3,4,5,6,7,15 | established | | Established State: starts and 15 ignored
    established,established0 | 2 | idle | notify:given stop routes release drop zero | Established State, event 2
    established,established0 | 8,23 | idle | notify:given stop routes release drop +1 damp | Established State, events 8 and 23
    established,established0 | 10 | idle | notify:4/0 stop routes release drop +1 damp | Established State, event 10
    established | 11 | established | keepalive arm:keepalive:keepalive | Established State, event 11
    established0 | 11 | established | keepalive | Established State, event 11 with hold time zero
    established,established0 | 14,16,17 | established | track | Established State: second connection
    established,established0 | 18,24,25 | idle | stop routes release drop +1 | Established State, events 18, 24, 25
    established | 26 | established | arm:hold:negotiated | Established State, event 26
    established0 | 26 | established | | Established State, event 26 with hold time zero
    established | 27 | established | update arm:hold:negotiated | Established State, event 27
    established0 | 27 | established | update | Established State, event 27 with hold time zero
    established,established0 | 28 | idle | notify:given stop routes release drop +1 damp | Established State, event 28
    established,established0 | 21 | idle | notify:given stop routes release drop +1 damp | listed with 5/3, but §6.1 wants 1/x
    established,established0 | 29 | idle | notify:8/0 stop routes release abort +1 damp | RFC 9687 §3.2
    established,established0 | 9,12,13,19,20,22 | idle | notify:5/3 stop routes release drop +1 damp | any other; RFC 6608
    established,established0 | R | established | refresh | RFC 2918
    established | U | established | arm:keepalive:keepalive | Established State: each UPDATE sent restarts the KeepaliveTimer
    established | D | established | arm:sendHold:sendHold | RFC 9687 §3.2
    established0 | U,D | established | | no timers with hold time zero
    """
